-- An application with names in mixed case, in a schema of its own, with rules of the database about what it writes.
CREATE SCHEMA "Billing";
CREATE TABLE "Billing"."Company" ("CompanyID" bigint PRIMARY KEY, "Company Name" text NOT NULL);
CREATE TABLE "Billing"."Customer" (
    "CustomerID" bigint PRIMARY KEY,
    "CompanyID" bigint NOT NULL,
    "Name" text NOT NULL,
    "Debt" numeric(12, 2) NOT NULL,
    "Credit" numeric(12, 2) NOT NULL
);
CREATE TABLE "Billing"."Meter" (
    "MeterID" bigint PRIMARY KEY,
    "CompanyID" bigint NOT NULL,
    "Serial" text NOT NULL,
    "State" text,
    "Debt" numeric(12, 2) NOT NULL DEFAULT 0 CHECK ("Debt" >= 0),
    "Credit" numeric(12, 2) NOT NULL DEFAULT 0,
    CONSTRAINT "One side only" CHECK ("Debt" = 0 OR "Credit" = 0)
);
CREATE TABLE "Billing"."Assignment" (
    "ID" bigint PRIMARY KEY,
    "CompanyID" bigint NOT NULL,
    "CustomerID" bigint NOT NULL,
    "MeterID" bigint NOT NULL,
    "Active" boolean NOT NULL
);
CREATE TABLE "Billing"."Item" ("ItemID" bigint PRIMARY KEY, "CompanyID" bigint NOT NULL, "Type" text NOT NULL);
CREATE TABLE "Billing"."Invoice" (
    "InvoiceID" bigint PRIMARY KEY,
    "CompanyID" bigint NOT NULL,
    "CustomerID" bigint NOT NULL,
    "MeterID" bigint,
    "Number" text NOT NULL,
    "Date" date NOT NULL,
    "Net" numeric(12, 2) NOT NULL,
    "Arrears" numeric(12, 2) NOT NULL,
    "Total" numeric(12, 2) GENERATED ALWAYS AS ("Net" + "Arrears") STORED,
    "Deleted At" timestamptz
);
CREATE INDEX ON "Billing"."Invoice" ("CompanyID");
CREATE TABLE "Billing"."Line" (
    "LineID" bigint PRIMARY KEY,
    "InvoiceID" bigint NOT NULL,
    "ItemID" bigint NOT NULL,
    "Money" numeric(12, 2) NOT NULL
);
CREATE TABLE "Billing"."Payment" (
    "PaymentID" bigint PRIMARY KEY,
    "CompanyID" bigint NOT NULL,
    "CustomerID" bigint,
    "InvoiceID" bigint,
    "MeterID" bigint REFERENCES "Billing"."Meter" ("MeterID"),
    "Money" numeric(12, 2) NOT NULL,
    "Date" timestamp NOT NULL
);
INSERT INTO "Billing"."Company" VALUES (1, 'North'), (2, 'South');
INSERT INTO "Billing"."Customer" VALUES (1, 1, 'Ada', 35.50, 0), (2, 2, 'Bo', 0, 10.25);
INSERT INTO "Billing"."Meter" VALUES (1, 1, 'N1', 'on', 1.00, 0), (2, 2, 'S1', 'on', 0, 0);
INSERT INTO "Billing"."Assignment" VALUES (1, 1, 1, 1, true), (2, 2, 2, 2, true);
INSERT INTO "Billing"."Item" VALUES (1, 1, 'Water'), (2, 2, 'Water'), (3, 1, 'Balance');
INSERT INTO "Billing"."Invoice" VALUES
    (1, 1, 1, 1, 'A1', '2025-01-31', 10.00, 0),
    (2, 2, 2, 2, 'B1', '2025-01-31', 20.00, 0),
    (3, 1, 1, 1, 'A0', '2025-01-01', 500.00, 0);
UPDATE "Billing"."Invoice" SET "Deleted At" = '2025-01-02 00:00:00+00' WHERE "InvoiceID" = 3;
INSERT INTO "Billing"."Line" VALUES (1, 1, 1, 50.50), (2, 1, 3, 5.00), (3, 2, 2, 20.00), (4, 3, 1, 500.00);
INSERT INTO "Billing"."Payment" VALUES
    (1, 1, 1, 1, NULL, 20.00, '2025-02-01'), (2, 2, 2, NULL, NULL, 30.25, '2025-02-01');
