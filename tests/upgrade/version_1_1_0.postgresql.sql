CREATE TABLE public.bills (
    id integer NOT NULL,
    tenant_id integer NOT NULL,
    bill_type character varying(120),
    deleted_at timestamp without time zone
);
CREATE SEQUENCE public.bills_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.bills_id_seq OWNED BY public.bills.id;
CREATE TABLE public.customer_balances_backup (
    tenant_id integer NOT NULL,
    customer_id integer NOT NULL,
    balance numeric,
    overpayment numeric,
    backed_up_at timestamp with time zone NOT NULL,
    run_id character varying(64) NOT NULL
);
CREATE TABLE public.customers (
    id integer NOT NULL,
    tenant_id integer NOT NULL,
    name character varying(120),
    balance numeric(14,2),
    overpayment numeric(14,2),
    deleted_at timestamp without time zone
);
CREATE SEQUENCE public.customers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.customers_id_seq OWNED BY public.customers.id;
CREATE TABLE public.invoice_bills (
    id integer NOT NULL,
    invoice_id integer,
    bill_id integer,
    amount numeric(14,2),
    tenant_id integer,
    deleted_at timestamp without time zone
);
CREATE SEQUENCE public.invoice_bills_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.invoice_bills_id_seq OWNED BY public.invoice_bills.id;
CREATE TABLE public.invoices (
    id integer NOT NULL,
    tenant_id integer NOT NULL,
    customer_id integer,
    meter_id integer,
    invoice_number character varying(120),
    invoice_date date,
    amount numeric(14,2),
    balance_brought_forward numeric(14,2),
    total_amount numeric(14,2),
    status character varying(120),
    deleted_at timestamp without time zone
);
CREATE SEQUENCE public.invoices_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.invoices_id_seq OWNED BY public.invoices.id;
CREATE TABLE public.meter_assignments (
    id integer NOT NULL,
    tenant_id integer NOT NULL,
    customer_id integer,
    meter_id integer,
    is_active boolean,
    deleted_at timestamp without time zone
);
CREATE SEQUENCE public.meter_assignments_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.meter_assignments_id_seq OWNED BY public.meter_assignments.id;
CREATE TABLE public.meter_migration_commits (
    step_run_id integer NOT NULL,
    tenant_id integer NOT NULL,
    part integer NOT NULL,
    rows_changed integer NOT NULL,
    digest character varying(64) NOT NULL,
    above_id character varying(255),
    up_to_id character varying(255)
);
CREATE TABLE public.meter_migration_customer_balances (
    step_run_id integer NOT NULL,
    run_id character varying(64) NOT NULL,
    tenant_id integer NOT NULL,
    customer_id integer NOT NULL,
    balance_before numeric,
    balance_after numeric,
    overpayment_before numeric,
    overpayment_after numeric,
    rule character varying(64) NOT NULL
);
CREATE TABLE public.meter_migration_invoice_amounts (
    step_run_id integer NOT NULL,
    run_id character varying(64) NOT NULL,
    tenant_id integer NOT NULL,
    invoice_id integer NOT NULL,
    amount_before numeric,
    amount_after numeric,
    balance_brought_forward_before numeric,
    balance_brought_forward_after numeric,
    total_amount_before numeric,
    total_amount_after numeric,
    rule character varying(64) NOT NULL
);
CREATE TABLE public.meter_migration_meter_balances (
    step_run_id integer NOT NULL,
    run_id character varying(64) NOT NULL,
    tenant_id integer NOT NULL,
    meter_id integer NOT NULL,
    balance_before numeric,
    balance_after numeric,
    overpayment_before numeric,
    overpayment_after numeric,
    total_billed_before numeric,
    total_billed_after numeric,
    total_paid_before numeric,
    total_paid_after numeric,
    last_invoice_date_before date,
    last_invoice_date_after date,
    rule character varying(64) NOT NULL
);
CREATE TABLE public.meter_migration_outcomes (
    step_run_id integer NOT NULL,
    tenant_id integer NOT NULL,
    outcome character varying(16) NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    message text,
    seal character varying(64) NOT NULL
);
CREATE TABLE public.meter_migration_payment_meter_ids (
    step_run_id integer NOT NULL,
    run_id character varying(64) NOT NULL,
    tenant_id integer NOT NULL,
    payment_id integer NOT NULL,
    meter_id_before integer,
    meter_id_after integer,
    rule character varying(64) NOT NULL
);
CREATE TABLE public.meter_migration_retired_backups (
    step_run_id integer NOT NULL,
    run_id character varying(64) NOT NULL,
    tenant_id integer NOT NULL,
    customer_id integer NOT NULL,
    balance_before numeric,
    balance_after numeric,
    overpayment_before numeric,
    overpayment_after numeric,
    rule character varying(64) NOT NULL
);
CREATE TABLE public.meter_migration_runs (
    id integer NOT NULL,
    run_id character varying(64) NOT NULL,
    tenant_id integer NOT NULL,
    step character varying(64) NOT NULL,
    undoes integer,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    outcome character varying(16) NOT NULL,
    rows_changed integer,
    message text,
    policy text NOT NULL,
    software_version character varying(64) NOT NULL
);
ALTER TABLE public.meter_migration_runs ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.meter_migration_runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.meters (
    id integer NOT NULL,
    tenant_id integer NOT NULL,
    meter_number character varying(120),
    status character varying(120),
    balance numeric(14,2),
    overpayment numeric(14,2),
    total_billed numeric(14,2),
    total_paid numeric(14,2),
    last_invoice_date date,
    deleted_at timestamp without time zone
);
CREATE SEQUENCE public.meters_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.meters_id_seq OWNED BY public.meters.id;
CREATE TABLE public.payments (
    id integer NOT NULL,
    tenant_id integer NOT NULL,
    customer_id integer,
    invoice_id integer,
    meter_id integer,
    amount numeric(14,2),
    status character varying(120),
    paid_at timestamp without time zone,
    deleted_at timestamp without time zone
);
CREATE SEQUENCE public.payments_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.payments_id_seq OWNED BY public.payments.id;
CREATE TABLE public.tenants (
    id integer NOT NULL,
    name character varying(120)
);
CREATE SEQUENCE public.tenants_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.tenants_id_seq OWNED BY public.tenants.id;
ALTER TABLE ONLY public.bills ALTER COLUMN id SET DEFAULT nextval('public.bills_id_seq'::regclass);
ALTER TABLE ONLY public.customers ALTER COLUMN id SET DEFAULT nextval('public.customers_id_seq'::regclass);
ALTER TABLE ONLY public.invoice_bills ALTER COLUMN id SET DEFAULT nextval('public.invoice_bills_id_seq'::regclass);
ALTER TABLE ONLY public.invoices ALTER COLUMN id SET DEFAULT nextval('public.invoices_id_seq'::regclass);
ALTER TABLE ONLY public.meter_assignments ALTER COLUMN id SET DEFAULT nextval('public.meter_assignments_id_seq'::regclass);
ALTER TABLE ONLY public.meters ALTER COLUMN id SET DEFAULT nextval('public.meters_id_seq'::regclass);
ALTER TABLE ONLY public.payments ALTER COLUMN id SET DEFAULT nextval('public.payments_id_seq'::regclass);
ALTER TABLE ONLY public.tenants ALTER COLUMN id SET DEFAULT nextval('public.tenants_id_seq'::regclass);
INSERT INTO public.bills VALUES (1, 1, 'WATER', NULL);
INSERT INTO public.bills VALUES (2, 1, 'SEWERAGE', NULL);
INSERT INTO public.bills VALUES (3, 1, 'METER_RENT', NULL);
INSERT INTO public.bills VALUES (4, 1, 'BALANCE', NULL);
INSERT INTO public.bills VALUES (5, 2, 'WATER', NULL);
INSERT INTO public.bills VALUES (6, 2, 'SEWERAGE', NULL);
INSERT INTO public.bills VALUES (7, 2, 'METER_RENT', NULL);
INSERT INTO public.bills VALUES (8, 2, 'BALANCE', NULL);
INSERT INTO public.bills VALUES (9, 3, 'ENERGY', NULL);
INSERT INTO public.bills VALUES (10, 3, 'STANDING_CHARGE', NULL);
INSERT INTO public.bills VALUES (11, 3, 'BALANCE', NULL);
INSERT INTO public.bills VALUES (12, 4, 'WATER', NULL);
INSERT INTO public.bills VALUES (13, 4, 'SEWERAGE', NULL);
INSERT INTO public.bills VALUES (14, 4, 'METER_RENT', NULL);
INSERT INTO public.bills VALUES (15, 4, 'BALANCE', NULL);
INSERT INTO public.customer_balances_backup VALUES (1, 1, 0.00, 0.00, '2026-11-26 19:38:25.191917+00', '8ed7541f-9e47-45fa-9786-4aaba535c0f0');
INSERT INTO public.customer_balances_backup VALUES (1, 15, 0.00, 40.00, '2026-11-26 19:38:25.191917+00', '8ed7541f-9e47-45fa-9786-4aaba535c0f0');
INSERT INTO public.customer_balances_backup VALUES (3, 5, 0.00, 0.00, '2026-11-26 19:38:52.267998+00', '05ac9ff7-5ecd-42e9-9917-90ac60d6481d');
INSERT INTO public.customer_balances_backup VALUES (3, 6, 0.00, 0.00, '2026-11-26 19:38:52.267998+00', '05ac9ff7-5ecd-42e9-9917-90ac60d6481d');
INSERT INTO public.customer_balances_backup VALUES (3, 7, 0.00, 0.00, '2026-11-26 19:38:52.267998+00', '05ac9ff7-5ecd-42e9-9917-90ac60d6481d');
INSERT INTO public.customer_balances_backup VALUES (3, 8, 116.80, 0.00, '2026-11-26 19:38:52.267998+00', '05ac9ff7-5ecd-42e9-9917-90ac60d6481d');
INSERT INTO public.customer_balances_backup VALUES (4, 9, 0.00, 0.00, '2026-11-26 19:39:05.288058+00', '58092715-ac12-4b05-9b3e-89a3ab4d126c');
INSERT INTO public.customer_balances_backup VALUES (4, 10, 47.03, 0.00, '2026-11-26 19:39:05.288058+00', '58092715-ac12-4b05-9b3e-89a3ab4d126c');
INSERT INTO public.customer_balances_backup VALUES (4, 11, 0.00, 0.00, '2026-11-26 19:39:05.288058+00', '58092715-ac12-4b05-9b3e-89a3ab4d126c');
INSERT INTO public.customer_balances_backup VALUES (4, 12, 0.00, 0.00, '2026-11-26 19:39:05.288058+00', '58092715-ac12-4b05-9b3e-89a3ab4d126c');
INSERT INTO public.customer_balances_backup VALUES (4, 13, 20.65, 0.00, '2026-11-26 19:39:05.288058+00', '58092715-ac12-4b05-9b3e-89a3ab4d126c');
INSERT INTO public.customer_balances_backup VALUES (4, 14, 0.00, 0.00, '2026-11-26 19:39:05.288058+00', '58092715-ac12-4b05-9b3e-89a3ab4d126c');
INSERT INTO public.customers VALUES (1, 1, 'Chidi Juarez', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (2, 2, 'Kemi Dube', 0.00, 42.02, NULL);
INSERT INTO public.customers VALUES (3, 2, 'Greta Ibsen', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (4, 2, 'Hana Abara', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (5, 3, 'Lena Ibsen', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (6, 3, 'Chidi Ibsen', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (7, 3, 'Chidi Kamau', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (8, 3, 'Chidi Haddad', 116.80, 0.00, NULL);
INSERT INTO public.customers VALUES (9, 4, 'Dara Juarez', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (10, 4, 'Ivo Farkas', 47.03, 0.00, NULL);
INSERT INTO public.customers VALUES (11, 4, 'Lena Haddad', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (12, 4, 'Elif Abara', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (13, 4, 'Musa Ibsen', 20.65, 0.00, NULL);
INSERT INTO public.customers VALUES (14, 4, 'Elif Dube', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (15, 1, 'Bela Dube', 0.00, 40.00, NULL);
INSERT INTO public.invoice_bills VALUES (1, 1, 1, 49.58, 1, NULL);
INSERT INTO public.invoice_bills VALUES (2, 1, 2, 21.41, 1, NULL);
INSERT INTO public.invoice_bills VALUES (3, 1, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (4, 2, 1, 40.93, 1, NULL);
INSERT INTO public.invoice_bills VALUES (5, 2, 2, 20.72, 1, NULL);
INSERT INTO public.invoice_bills VALUES (6, 2, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (7, 2, 4, 36.74, 1, NULL);
INSERT INTO public.invoice_bills VALUES (8, 3, 1, 17.37, 1, NULL);
INSERT INTO public.invoice_bills VALUES (9, 3, 2, 16.00, 1, NULL);
INSERT INTO public.invoice_bills VALUES (10, 3, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (11, 4, 5, 71.56, 2, NULL);
INSERT INTO public.invoice_bills VALUES (12, 4, 6, 20.93, 2, NULL);
INSERT INTO public.invoice_bills VALUES (13, 4, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (14, 5, 5, 32.73, 2, NULL);
INSERT INTO public.invoice_bills VALUES (15, 5, 6, 3.88, 2, NULL);
INSERT INTO public.invoice_bills VALUES (16, 5, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (17, 6, 5, 68.28, 2, NULL);
INSERT INTO public.invoice_bills VALUES (18, 6, 6, 15.14, 2, NULL);
INSERT INTO public.invoice_bills VALUES (19, 6, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (20, 7, 5, 57.13, 2, NULL);
INSERT INTO public.invoice_bills VALUES (21, 7, 6, 23.45, 2, NULL);
INSERT INTO public.invoice_bills VALUES (22, 7, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (23, 8, 5, 42.94, 2, NULL);
INSERT INTO public.invoice_bills VALUES (24, 8, 6, 10.08, 2, NULL);
INSERT INTO public.invoice_bills VALUES (25, 8, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (26, 9, 5, 44.95, 2, NULL);
INSERT INTO public.invoice_bills VALUES (27, 9, 6, 23.82, 2, NULL);
INSERT INTO public.invoice_bills VALUES (28, 9, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (29, 9, 8, 27.75, 2, NULL);
INSERT INTO public.invoice_bills VALUES (30, 10, 5, 59.36, 2, NULL);
INSERT INTO public.invoice_bills VALUES (31, 10, 6, 19.12, 2, NULL);
INSERT INTO public.invoice_bills VALUES (32, 10, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (33, 11, 5, 53.91, 2, NULL);
INSERT INTO public.invoice_bills VALUES (34, 11, 6, 12.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (35, 11, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (36, 12, 5, 31.05, 2, NULL);
INSERT INTO public.invoice_bills VALUES (37, 12, 6, 25.44, 2, NULL);
INSERT INTO public.invoice_bills VALUES (38, 12, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (39, 12, 8, 68.91, 2, NULL);
INSERT INTO public.invoice_bills VALUES (40, 13, 9, 84.81, 3, NULL);
INSERT INTO public.invoice_bills VALUES (41, 13, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (42, 14, 9, 82.73, 3, NULL);
INSERT INTO public.invoice_bills VALUES (43, 14, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (44, 15, 9, 115.34, 3, NULL);
INSERT INTO public.invoice_bills VALUES (45, 15, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (46, 16, 9, 145.59, 3, NULL);
INSERT INTO public.invoice_bills VALUES (47, 16, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (48, 17, 9, 89.21, 3, NULL);
INSERT INTO public.invoice_bills VALUES (49, 17, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (50, 17, 11, 157.89, 3, NULL);
INSERT INTO public.invoice_bills VALUES (51, 18, 9, 45.24, 3, NULL);
INSERT INTO public.invoice_bills VALUES (52, 18, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (53, 19, 9, 67.75, 3, NULL);
INSERT INTO public.invoice_bills VALUES (54, 19, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (55, 20, 9, 45.80, 3, NULL);
INSERT INTO public.invoice_bills VALUES (56, 20, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (57, 21, 9, 85.72, 3, NULL);
INSERT INTO public.invoice_bills VALUES (58, 21, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (59, 22, 9, 118.34, 3, NULL);
INSERT INTO public.invoice_bills VALUES (60, 22, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (61, 23, 9, 109.34, 3, NULL);
INSERT INTO public.invoice_bills VALUES (62, 23, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (63, 24, 9, 35.59, 3, NULL);
INSERT INTO public.invoice_bills VALUES (64, 24, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (65, 25, 9, 63.80, 3, NULL);
INSERT INTO public.invoice_bills VALUES (66, 25, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (67, 26, 9, 160.00, 3, NULL);
INSERT INTO public.invoice_bills VALUES (68, 26, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (69, 27, 9, 111.76, 3, NULL);
INSERT INTO public.invoice_bills VALUES (70, 27, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (71, 28, 9, 157.17, 3, NULL);
INSERT INTO public.invoice_bills VALUES (72, 28, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (73, 29, 12, 17.55, 4, NULL);
INSERT INTO public.invoice_bills VALUES (74, 29, 13, 18.97, 4, NULL);
INSERT INTO public.invoice_bills VALUES (75, 29, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (76, 30, 12, 32.04, 4, NULL);
INSERT INTO public.invoice_bills VALUES (77, 30, 13, 3.74, 4, NULL);
INSERT INTO public.invoice_bills VALUES (78, 30, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (79, 31, 12, 36.77, 4, NULL);
INSERT INTO public.invoice_bills VALUES (80, 31, 13, 20.58, 4, NULL);
INSERT INTO public.invoice_bills VALUES (81, 31, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (82, 32, 12, 71.91, 4, NULL);
INSERT INTO public.invoice_bills VALUES (83, 32, 13, 24.81, 4, NULL);
INSERT INTO public.invoice_bills VALUES (84, 32, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (85, 33, 12, 53.09, 4, NULL);
INSERT INTO public.invoice_bills VALUES (86, 33, 13, 11.72, 4, NULL);
INSERT INTO public.invoice_bills VALUES (87, 33, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (88, 34, 12, 36.87, 4, NULL);
INSERT INTO public.invoice_bills VALUES (89, 34, 13, 7.66, 4, NULL);
INSERT INTO public.invoice_bills VALUES (90, 34, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (91, 35, 12, 12.20, 4, NULL);
INSERT INTO public.invoice_bills VALUES (92, 35, 13, 19.65, 4, NULL);
INSERT INTO public.invoice_bills VALUES (93, 35, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (94, 36, 12, 18.39, 4, NULL);
INSERT INTO public.invoice_bills VALUES (95, 36, 13, 18.48, 4, NULL);
INSERT INTO public.invoice_bills VALUES (96, 36, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (97, 36, 15, 34.35, 4, NULL);
INSERT INTO public.invoice_bills VALUES (98, 37, 12, 33.21, 4, NULL);
INSERT INTO public.invoice_bills VALUES (99, 37, 13, 24.88, 4, NULL);
INSERT INTO public.invoice_bills VALUES (100, 37, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (101, 38, 12, 73.70, 4, NULL);
INSERT INTO public.invoice_bills VALUES (102, 38, 13, 4.63, 4, NULL);
INSERT INTO public.invoice_bills VALUES (103, 38, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (104, 39, 12, 18.46, 4, NULL);
INSERT INTO public.invoice_bills VALUES (105, 39, 13, 21.46, 4, NULL);
INSERT INTO public.invoice_bills VALUES (106, 39, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (107, 40, 12, 44.64, 4, NULL);
INSERT INTO public.invoice_bills VALUES (108, 40, 13, 18.49, 4, NULL);
INSERT INTO public.invoice_bills VALUES (109, 40, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (110, 41, 12, 26.00, 4, NULL);
INSERT INTO public.invoice_bills VALUES (111, 41, 13, 16.00, 4, NULL);
INSERT INTO public.invoice_bills VALUES (112, 41, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (113, 42, 12, 68.51, 4, NULL);
INSERT INTO public.invoice_bills VALUES (114, 42, 13, 16.11, 4, NULL);
INSERT INTO public.invoice_bills VALUES (115, 42, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (116, 43, 12, 34.99, 4, NULL);
INSERT INTO public.invoice_bills VALUES (117, 43, 13, 21.67, 4, NULL);
INSERT INTO public.invoice_bills VALUES (118, 43, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (119, 44, 12, 24.00, 4, NULL);
INSERT INTO public.invoice_bills VALUES (120, 44, 13, 25.18, 4, NULL);
INSERT INTO public.invoice_bills VALUES (121, 44, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (122, 45, 12, 70.70, 4, NULL);
INSERT INTO public.invoice_bills VALUES (123, 45, 13, 21.34, 4, NULL);
INSERT INTO public.invoice_bills VALUES (124, 45, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (125, 46, 12, 34.13, 4, NULL);
INSERT INTO public.invoice_bills VALUES (126, 46, 13, 4.68, 4, NULL);
INSERT INTO public.invoice_bills VALUES (127, 46, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (128, 47, 12, 56.43, 4, NULL);
INSERT INTO public.invoice_bills VALUES (129, 47, 13, 6.77, 4, NULL);
INSERT INTO public.invoice_bills VALUES (130, 47, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (131, 48, 12, 41.91, 4, NULL);
INSERT INTO public.invoice_bills VALUES (132, 48, 13, 5.96, 4, NULL);
INSERT INTO public.invoice_bills VALUES (133, 48, 14, 2.50, 4, NULL);
INSERT INTO public.invoice_bills VALUES (134, 49, 12, 32.82, 4, NULL);
INSERT INTO public.invoice_bills VALUES (135, 49, 13, 17.71, 4, NULL);
INSERT INTO public.invoice_bills VALUES (136, 49, 14, 2.50, 4, NULL);
INSERT INTO public.invoices VALUES (1, 1, 1, 1, 'INV-01-0000001', '2024-01-01', 73.49, 0.00, 73.49, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (2, 1, 1, 1, 'INV-01-0000002', '2024-02-01', 64.15, 36.74, 100.89, 'paid', NULL);
INSERT INTO public.invoices VALUES (3, 1, 1, 1, 'INV-01-0000003', '2024-03-01', 35.87, 0.00, 35.87, 'paid', NULL);
INSERT INTO public.invoices VALUES (4, 2, 2, 2, 'INV-02-0000004', '2024-01-01', 94.99, 0.00, 94.99, 'paid', NULL);
INSERT INTO public.invoices VALUES (5, 2, 2, 2, 'INV-02-0000005', '2024-02-01', 39.11, 0.00, 39.11, 'paid', NULL);
INSERT INTO public.invoices VALUES (6, 2, 2, 2, 'INV-02-0000006', '2024-03-01', 85.92, 0.00, 85.92, 'paid', NULL);
INSERT INTO public.invoices VALUES (7, 2, 3, 3, 'INV-02-0000007', '2024-01-01', 83.08, 0.00, 83.08, 'paid', NULL);
INSERT INTO public.invoices VALUES (8, 2, 3, 3, 'INV-02-0000008', '2024-02-01', 55.52, 0.00, 55.52, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (9, 2, 3, 3, 'INV-02-0000009', '2024-03-01', 71.27, 27.75, 99.02, 'paid', NULL);
INSERT INTO public.invoices VALUES (10, 2, 4, 4, 'INV-02-0000010', '2024-01-01', 80.98, 0.00, 80.98, 'paid', NULL);
INSERT INTO public.invoices VALUES (11, 2, 4, 4, 'INV-02-0000011', '2024-02-01', 68.91, 0.00, 68.91, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (12, 2, 4, 4, 'INV-02-0000012', '2024-03-01', 58.99, 68.91, 127.90, 'paid', NULL);
INSERT INTO public.invoices VALUES (13, 3, 5, 5, 'INV-03-0000013', '2024-01-01', 97.11, 0.00, 97.11, 'paid', NULL);
INSERT INTO public.invoices VALUES (14, 3, 5, 5, 'INV-03-0000014', '2024-02-01', 95.03, 0.00, 95.03, 'paid', NULL);
INSERT INTO public.invoices VALUES (15, 3, 5, 5, 'INV-03-0000015', '2024-03-01', 127.64, 0.00, 127.64, 'paid', NULL);
INSERT INTO public.invoices VALUES (16, 3, 6, 6, 'INV-03-0000016', '2024-01-01', 157.89, 0.00, 157.89, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (17, 3, 6, 6, 'INV-03-0000017', '2024-02-01', 101.51, 157.89, 259.40, 'paid', NULL);
INSERT INTO public.invoices VALUES (18, 3, 6, 6, 'INV-03-0000018', '2024-03-01', 57.54, 0.00, 57.54, 'paid', NULL);
INSERT INTO public.invoices VALUES (19, 3, 7, 7, 'INV-03-0000019', '2024-01-01', 80.05, 0.00, 80.05, 'paid', NULL);
INSERT INTO public.invoices VALUES (20, 3, 7, 7, 'INV-03-0000020', '2024-02-01', 58.10, 0.00, 58.10, 'paid', NULL);
INSERT INTO public.invoices VALUES (21, 3, 7, 7, 'INV-03-0000021', '2024-03-01', 98.02, 0.00, 98.02, 'paid', NULL);
INSERT INTO public.invoices VALUES (22, 3, 8, 8, 'INV-03-0000022', '2024-01-01', 130.64, 0.00, 130.64, 'paid', NULL);
INSERT INTO public.invoices VALUES (23, 3, 8, 9, 'INV-03-0000023', '2024-01-01', 121.64, 0.00, 121.64, 'paid', NULL);
INSERT INTO public.invoices VALUES (24, 3, 8, 8, 'INV-03-0000024', '2024-02-01', 47.89, 0.00, 47.89, 'paid', NULL);
INSERT INTO public.invoices VALUES (25, 3, 8, 9, 'INV-03-0000025', '2024-02-01', 76.10, 0.00, 76.10, 'paid', NULL);
INSERT INTO public.invoices VALUES (26, 3, 8, 8, 'INV-03-0000026', '2024-03-01', 172.30, 0.00, 172.30, 'cancelled', NULL);
INSERT INTO public.invoices VALUES (27, 3, 8, 8, 'INV-03-0000027', '2024-03-01', 124.06, 0.00, 124.06, 'open', NULL);
INSERT INTO public.invoices VALUES (28, 3, 8, 9, 'INV-03-0000028', '2024-03-01', 169.47, 0.00, 169.47, 'paid', NULL);
INSERT INTO public.invoices VALUES (29, 4, 9, 10, 'INV-04-0000029', '2024-01-01', 39.02, 0.00, 39.02, 'paid', NULL);
INSERT INTO public.invoices VALUES (30, 4, 9, 10, 'INV-04-0000030', '2024-02-01', 38.28, 0.00, 38.28, 'paid', NULL);
INSERT INTO public.invoices VALUES (31, 4, 9, 10, 'INV-04-0000031', '2024-03-01', 59.85, 0.00, 59.85, 'paid', NULL);
INSERT INTO public.invoices VALUES (32, 4, 10, 11, 'INV-04-0000032', '2024-01-01', 99.22, 0.00, 99.22, 'paid', NULL);
INSERT INTO public.invoices VALUES (33, 4, 10, 11, 'INV-04-0000033', '2024-02-01', 67.31, 0.00, 67.31, 'paid', NULL);
INSERT INTO public.invoices VALUES (34, 4, 10, 11, 'INV-04-0000034', '2024-03-01', 47.03, 0.00, 47.03, 'open', NULL);
INSERT INTO public.invoices VALUES (35, 4, 11, 12, 'INV-04-0000035', '2024-01-01', 34.35, 0.00, 34.35, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (36, 4, 11, 12, 'INV-04-0000036', '2024-02-01', 39.37, 34.35, 73.72, 'paid', NULL);
INSERT INTO public.invoices VALUES (37, 4, 11, 12, 'INV-04-0000037', '2024-03-01', 60.59, 0.00, 60.59, 'paid', NULL);
INSERT INTO public.invoices VALUES (38, 4, 12, 13, 'INV-04-0000038', '2024-01-01', 80.83, 0.00, 80.83, 'paid', NULL);
INSERT INTO public.invoices VALUES (39, 4, 12, 14, 'INV-04-0000039', '2024-01-01', 42.42, 0.00, 42.42, 'paid', NULL);
INSERT INTO public.invoices VALUES (40, 4, 12, 13, 'INV-04-0000040', '2024-02-01', 65.63, 0.00, 65.63, 'paid', NULL);
INSERT INTO public.invoices VALUES (41, 4, 12, 14, 'INV-04-0000041', '2024-02-01', 44.50, 0.00, 44.50, 'paid', NULL);
INSERT INTO public.invoices VALUES (42, 4, 12, 13, 'INV-04-0000042', '2024-03-01', 87.12, 0.00, 87.12, 'paid', NULL);
INSERT INTO public.invoices VALUES (43, 4, 12, 14, 'INV-04-0000043', '2024-03-01', 59.16, 0.00, 59.16, 'paid', NULL);
INSERT INTO public.invoices VALUES (44, 4, 13, 15, 'INV-04-0000044', '2024-01-01', 51.68, 0.00, 51.68, 'paid', NULL);
INSERT INTO public.invoices VALUES (45, 4, 13, 15, 'INV-04-0000045', '2024-02-01', 94.54, 0.00, 94.54, 'paid', NULL);
INSERT INTO public.invoices VALUES (46, 4, 13, 15, 'INV-04-0000046', '2024-03-01', 41.31, 0.00, 41.31, 'open', NULL);
INSERT INTO public.invoices VALUES (47, 4, 14, 16, 'INV-04-0000047', '2024-01-01', 65.70, 0.00, 65.70, 'paid', NULL);
INSERT INTO public.invoices VALUES (48, 4, 14, 17, 'INV-04-0000048', '2024-02-01', 50.37, 0.00, 50.37, 'paid', NULL);
INSERT INTO public.invoices VALUES (49, 4, 14, 17, 'INV-04-0000049', '2024-03-01', 53.03, 0.00, 53.03, 'paid', NULL);
INSERT INTO public.meter_assignments VALUES (1, 1, 1, 1, true, NULL);
INSERT INTO public.meter_assignments VALUES (2, 2, 2, 2, true, NULL);
INSERT INTO public.meter_assignments VALUES (3, 2, 3, 3, true, NULL);
INSERT INTO public.meter_assignments VALUES (4, 2, 4, 4, true, NULL);
INSERT INTO public.meter_assignments VALUES (5, 3, 5, 5, true, NULL);
INSERT INTO public.meter_assignments VALUES (6, 3, 6, 6, true, NULL);
INSERT INTO public.meter_assignments VALUES (7, 3, 7, 7, true, NULL);
INSERT INTO public.meter_assignments VALUES (8, 3, 8, 8, true, NULL);
INSERT INTO public.meter_assignments VALUES (9, 3, 8, 9, true, NULL);
INSERT INTO public.meter_assignments VALUES (10, 4, 9, 10, true, NULL);
INSERT INTO public.meter_assignments VALUES (11, 4, 10, 11, true, NULL);
INSERT INTO public.meter_assignments VALUES (12, 4, 11, 12, true, NULL);
INSERT INTO public.meter_assignments VALUES (13, 4, 12, 13, true, NULL);
INSERT INTO public.meter_assignments VALUES (14, 4, 12, 14, true, NULL);
INSERT INTO public.meter_assignments VALUES (15, 4, 13, 15, true, NULL);
INSERT INTO public.meter_assignments VALUES (16, 4, 14, 16, false, NULL);
INSERT INTO public.meter_assignments VALUES (17, 4, 14, 17, true, NULL);
INSERT INTO public.meter_assignments VALUES (18, 1, 15, 18, true, NULL);
INSERT INTO public.meter_assignments VALUES (19, 1, 15, 19, true, NULL);
INSERT INTO public.meter_migration_commits VALUES (1, 1, 0, 2, '014934d4787db024928c80b149771e711259e7d5ee4df26627f085e82eab9193', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (3, 1, 0, 5, '41a516ea35346030dcce11f71d44f43004a1ab9ee2f37a2caff603510b5c5c71', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (4, 1, 0, 3, '08785e36ca8db4e3d01aaa10dd0f7a3c4dc94d692900641cd92df3e76a0f5da8', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (5, 2, 0, 10, 'fd7ac3d6584223f19f0ed0c4db6d38a4158c09d47ad6f17eeffc966eb9110bbf', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (6, 2, 0, 3, '3ea975f8595a9376d1804292fa76759f45bb41d71b6f3d725e4b99fd8fe47166', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (9, 2, 0, 3, 'bff66367afc45b8bb7fa05b20898e62c1ad788c05114bef06b324335606c6af1', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (10, 2, 0, 3, 'ba4ad9ff1f88e983f0029298759215f5bee5d0a0035dd69e435ae96cc238a14f', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (11, 2, 0, 3, '621d4f76f2cc29d639edb145ccf726c8a9449fd6ff91b3741199967074357c9c', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (12, 3, 0, 4, '943d634985f9022b2775d432fdb15e351fe72bd6d91af342d5768c8317f28380', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (14, 3, 0, 5, '117e491bcef3a234c0909689f97e5d77948cabb4b4ae61289f2d5f2ebbee811d', NULL, '19');
INSERT INTO public.meter_migration_commits VALUES (14, 3, 1, 5, '8626cedabe439c7281ec8257aab68bc69d92f24c84fe2f6a5c9097446fd17629', '19', '24');
INSERT INTO public.meter_migration_commits VALUES (14, 3, 2, 4, 'f506af8049ae96bbd28f4beff52b07791b2b4287e4fbf2ea723d9a4e71f4eeba', '24', '28');
INSERT INTO public.meter_migration_commits VALUES (15, 3, 0, 5, '7501ce4e085c55909bf31d43f4acdfcf72fb9c1e18bff6aad688e655cc2e2b07', NULL, '9');
INSERT INTO public.meter_migration_commits VALUES (16, 4, 0, 6, 'f6605ac87fa72eb223bd00afea6daaee2f660d73a0297887e54a14a39096c86c', NULL, NULL);
INSERT INTO public.meter_migration_commits VALUES (18, 4, 0, 20, 'e848df482b71585e8fa0b83593e8ad41dd3171b73b81a9f4b1c5a8a952cbc5d2', NULL, NULL);
INSERT INTO public.meter_migration_meter_balances VALUES (4, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 1, NULL, 0, NULL, 0, NULL, 173.51, NULL, 173.51, NULL, '2024-03-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (4, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 18, 0.00, 0, 0.00, 40.00, NULL, 0, NULL, 40.00, NULL, NULL, 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (4, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 19, 0.00, 0, 0.00, 0, NULL, 0, NULL, 0, NULL, NULL, 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (9, '4aa70b28-ae5e-4dbb-bd0a-d0c5130e1a59', 2, 2, NULL, 0, NULL, 42.02, NULL, 220.02, NULL, 262.04, NULL, '2024-03-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (9, '4aa70b28-ae5e-4dbb-bd0a-d0c5130e1a59', 2, 3, NULL, 0, NULL, 0, NULL, 209.87, NULL, 209.87, NULL, '2024-03-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (9, '4aa70b28-ae5e-4dbb-bd0a-d0c5130e1a59', 2, 4, 0.00, 0, 0.00, 0, NULL, 208.88, NULL, 208.88, NULL, '2024-03-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (10, 'ab3a57ca-e252-413b-8814-54847e6b89ef', 2, 2, 0.00, NULL, 42.02, NULL, 220.02, NULL, 262.04, NULL, '2024-03-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (10, 'ab3a57ca-e252-413b-8814-54847e6b89ef', 2, 3, 0.00, NULL, 0.00, NULL, 209.87, NULL, 209.87, NULL, '2024-03-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (10, 'ab3a57ca-e252-413b-8814-54847e6b89ef', 2, 4, 0.00, 0.00, 0.00, 0.00, 208.88, NULL, 208.88, NULL, '2024-03-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (15, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 5, NULL, 0, NULL, 0, NULL, 319.78, NULL, 319.78, NULL, '2024-03-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (15, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 6, 0.00, 0, 0.00, 0, NULL, 316.94, NULL, 316.94, NULL, '2024-03-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (15, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 7, 0.00, 0, 0.00, 0, NULL, 236.17, NULL, 236.17, NULL, '2024-03-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (15, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 8, 0.00, 116.80, 0.00, 0, NULL, 302.59, NULL, 185.79, NULL, '2024-03-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (15, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 9, 0.00, 0, 0.00, 0, NULL, 367.21, NULL, 367.21, NULL, '2024-03-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_outcomes VALUES (1, 1, 'succeeded', '2026-11-26 19:38:25.2415+00', NULL, '64284ab0223d84d81edeef9dd0cd525e92a3a64a4502e7693bbf2ae00e0d38a9');
INSERT INTO public.meter_migration_outcomes VALUES (2, 1, 'succeeded', '2026-11-26 19:38:25.764934+00', NULL, '698e560719142c1f58cc1ae9e6ce35b293ff321fb95c3ec0cc563e5cbf775047');
INSERT INTO public.meter_migration_outcomes VALUES (3, 1, 'succeeded', '2026-11-26 19:38:26.252309+00', NULL, 'ceb5a7c9f99f655c85abca9796da7024cddc4253e8f7a3c13a7f5f6bbbc674d5');
INSERT INTO public.meter_migration_outcomes VALUES (4, 1, 'succeeded', '2026-11-26 19:38:30.012492+00', NULL, 'e2aa8501276738d51c2f740694beabfe88a79c715e4ac6added4fac314892712');
INSERT INTO public.meter_migration_outcomes VALUES (5, 2, 'succeeded', '2026-11-26 19:38:34.024257+00', NULL, '4a56fe8015453599b9e8011932ce2bd20f3cd5b7abd708f5322445fbbe37ec3d');
INSERT INTO public.meter_migration_outcomes VALUES (6, 2, 'succeeded', '2026-11-26 19:38:39.159713+00', NULL, 'd6074716e0fd762a91b80cd934274fbd1f6776306bcabafbbfbf1083772873f0');
INSERT INTO public.meter_migration_outcomes VALUES (7, 2, 'succeeded', '2026-11-26 19:38:39.618431+00', NULL, '700b5456871ff00c32c2d30acb58ed8b40217d90ed6f3d2f41e37422a89ca66f');
INSERT INTO public.meter_migration_outcomes VALUES (8, 2, 'succeeded', '2026-11-26 19:38:40.10798+00', NULL, '7f5dc71691978e8bb1e85ca5d9ace5d62d61fad853869159457a3d79e64beed6');
INSERT INTO public.meter_migration_outcomes VALUES (9, 2, 'succeeded', '2026-11-26 19:38:43.945266+00', NULL, 'ce65f7ebd4a932ba255dcdef2d0ba60eaae90fd42ee34c94c4983c6b160a051f');
INSERT INTO public.meter_migration_outcomes VALUES (10, 2, 'succeeded', '2026-11-26 19:38:47.00381+00', NULL, '6521ca09c24cdbc55091046070a95e33128fb44e133c310bc6bf97af84dc905b');
INSERT INTO public.meter_migration_outcomes VALUES (11, 2, 'succeeded', '2026-11-26 19:38:48.1043+00', NULL, '2fe48f36196bcd747d0f5a8c2bad898ac8b7c99facf36e3530dc06cc15f74fc8');
INSERT INTO public.meter_migration_outcomes VALUES (12, 3, 'succeeded', '2026-11-26 19:38:52.286288+00', NULL, 'ebdde4e56c9f2ad4d687ae91e009f859d954b7c2566c743156f42ab86d4a507e');
INSERT INTO public.meter_migration_outcomes VALUES (13, 3, 'succeeded', '2026-11-26 19:38:52.959667+00', NULL, '0106da6595768c2c72b719678ccf59f3ff2a009a2b2245e31cf830117effc9ca');
INSERT INTO public.meter_migration_outcomes VALUES (14, 3, 'succeeded', '2026-11-26 19:38:53.851686+00', NULL, 'c0a6ed6dd61a067dbb461c27e6fbc3d41cb461a3ad41fdf85be2a124af4d2fd2');
INSERT INTO public.meter_migration_outcomes VALUES (15, 3, 'succeeded', '2026-11-26 19:38:58.59441+00', NULL, 'a2e5a860cc77352b46b498a8ebfd47c2ff0be1839b0dc8d07d5a91f4b997239e');
INSERT INTO public.meter_migration_outcomes VALUES (16, 4, 'succeeded', '2026-11-26 19:39:05.3557+00', NULL, 'cd77a59891ff4e86b9f03684fe236ea11eda832166daad8a5fce664cd759a7b9');
INSERT INTO public.meter_migration_outcomes VALUES (17, 4, 'succeeded', '2026-11-26 19:39:06.184487+00', NULL, 'c4702a546ff5ba0e876542d467a04bd6d145bb6063914066187ae0591b414efa');
INSERT INTO public.meter_migration_outcomes VALUES (18, 4, 'succeeded', '2026-11-26 19:39:06.967946+00', NULL, '0ba07623fea6837a072d417683c4c8a65f990c055e7f64763ee1b4f8b3e454de');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (3, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 1, NULL, 1, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (3, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 2, NULL, 1, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (3, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 4, NULL, 1, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (3, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 3, NULL, 1, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (3, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 49, NULL, 18, 'first_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 5, NULL, 2, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 7, NULL, 2, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 8, NULL, 3, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 9, NULL, 3, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 12, NULL, 4, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 11, NULL, 4, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 14, NULL, 4, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 13, NULL, 4, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 10, NULL, 3, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 6, NULL, 2, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 15, NULL, 5, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 16, NULL, 5, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 17, NULL, 5, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 18, NULL, 5, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 19, NULL, 6, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 20, NULL, 6, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 21, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 22, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 23, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 24, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 25, NULL, 9, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 26, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 27, NULL, 9, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 28, NULL, 9, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 29, NULL, 10, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 30, NULL, 10, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 31, NULL, 10, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 32, NULL, 11, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 34, NULL, 12, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 35, NULL, 12, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 36, NULL, 13, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 37, NULL, 14, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 38, NULL, 13, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 39, NULL, 14, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 40, NULL, 13, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 41, NULL, 14, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 42, NULL, 15, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 43, NULL, 15, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 44, NULL, 15, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 45, NULL, 16, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 46, NULL, 17, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 48, NULL, 17, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 47, NULL, 17, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 33, NULL, 11, 'sole_active_meter');
INSERT INTO public.meter_migration_retired_backups VALUES (11, 'ab3a57ca-e252-413b-8814-54847e6b89ef', 2, 2, 0.00, NULL, 42.02, NULL, 'restored');
INSERT INTO public.meter_migration_retired_backups VALUES (11, 'ab3a57ca-e252-413b-8814-54847e6b89ef', 2, 3, 0.00, NULL, 0.00, NULL, 'restored');
INSERT INTO public.meter_migration_retired_backups VALUES (11, 'ab3a57ca-e252-413b-8814-54847e6b89ef', 2, 4, 0.00, NULL, 0.00, NULL, 'restored');
INSERT INTO public.meter_migration_runs VALUES (1, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 'customer_balances_backup', NULL, '2026-11-26 19:38:25.131586+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (2, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 'invoice_amounts', NULL, '2026-11-26 19:38:25.617391+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (3, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 'payment_meter_ids', NULL, '2026-11-26 19:38:26.171663+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (4, '8ed7541f-9e47-45fa-9786-4aaba535c0f0', 1, 'meter_balances', NULL, '2026-11-26 19:38:29.769064+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (5, '9e7e9f5e-ad28-4409-a3cc-7516fb093729', 2, 'payment_meter_ids', NULL, '2026-11-26 19:38:33.955919+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (6, '4aa70b28-ae5e-4dbb-bd0a-d0c5130e1a59', 2, 'customer_balances_backup', NULL, '2026-11-26 19:38:39.054758+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (7, '4aa70b28-ae5e-4dbb-bd0a-d0c5130e1a59', 2, 'invoice_amounts', NULL, '2026-11-26 19:38:39.526467+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (8, '4aa70b28-ae5e-4dbb-bd0a-d0c5130e1a59', 2, 'payment_meter_ids', NULL, '2026-11-26 19:38:40.030685+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (9, '4aa70b28-ae5e-4dbb-bd0a-d0c5130e1a59', 2, 'meter_balances', NULL, '2026-11-26 19:38:43.707629+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (10, 'ab3a57ca-e252-413b-8814-54847e6b89ef', 2, 'meter_balances', 9, '2026-11-26 19:38:46.906496+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (11, 'ab3a57ca-e252-413b-8814-54847e6b89ef', 2, 'customer_balances_backup', 6, '2026-11-26 19:38:47.998688+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (12, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 'customer_balances_backup', NULL, '2026-11-26 19:38:52.22074+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (13, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 'invoice_amounts', NULL, '2026-11-26 19:38:52.717896+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (14, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 'payment_meter_ids', NULL, '2026-11-26 19:38:53.558107+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (15, '05ac9ff7-5ecd-42e9-9917-90ac60d6481d', 3, 'meter_balances', NULL, '2026-11-26 19:38:58.271662+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (16, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 'customer_balances_backup', NULL, '2026-11-26 19:39:05.219893+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (17, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 'invoice_amounts', NULL, '2026-11-26 19:39:05.987576+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meter_migration_runs VALUES (18, '58092715-ac12-4b05-9b3e-89a3ab4d126c', 4, 'payment_meter_ids', NULL, '2026-11-26 19:39:06.85279+00', NULL, 'running', NULL, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.1.0');
INSERT INTO public.meters VALUES (10, 4, '04-000010', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (11, 4, '04-000011', 'active', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (12, 4, '04-000012', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (13, 4, '04-000013', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (14, 4, '04-000014', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (15, 4, '04-000015', 'active', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (16, 4, '04-000016', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (17, 4, '04-000017', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (1, 1, '01-000001', 'active', 0.00, 0.00, 173.51, 173.51, '2024-03-01', NULL);
INSERT INTO public.meters VALUES (18, 1, '01-000018', 'active', 0.00, 40.00, 0.00, 40.00, NULL, NULL);
INSERT INTO public.meters VALUES (19, 1, '01-000019', 'active', 0.00, 0.00, 0.00, 0.00, NULL, NULL);
INSERT INTO public.meters VALUES (2, 2, '02-000002', 'active', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (3, 2, '02-000003', 'active', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (4, 2, '02-000004', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (6, 3, '03-000006', 'active', 0.00, 0.00, 316.94, 316.94, '2024-03-01', NULL);
INSERT INTO public.meters VALUES (7, 3, '03-000007', 'active', 0.00, 0.00, 236.17, 236.17, '2024-03-01', NULL);
INSERT INTO public.meters VALUES (8, 3, '03-000008', 'active', 116.80, 0.00, 302.59, 185.79, '2024-03-01', NULL);
INSERT INTO public.meters VALUES (9, 3, '03-000009', 'active', 0.00, 0.00, 367.21, 367.21, '2024-03-01', NULL);
INSERT INTO public.meters VALUES (5, 3, '03-000005', 'active', 1000.00, 0.00, 319.78, 319.78, '2024-03-01', NULL);
INSERT INTO public.payments VALUES (50, 4, NULL, NULL, NULL, 40.00, 'completed', '2024-01-09 09:30:00', NULL);
INSERT INTO public.payments VALUES (1, 1, 1, 1, 1, 36.75, 'completed', '2024-01-14 13:15:00', NULL);
INSERT INTO public.payments VALUES (2, 1, 1, 2, 1, 100.89, 'completed', '2024-02-09 17:09:00', NULL);
INSERT INTO public.payments VALUES (3, 1, 1, 3, 1, 35.87, 'failed', '2024-03-05 15:47:00', NULL);
INSERT INTO public.payments VALUES (4, 1, 1, 3, 1, 35.87, 'completed', '2024-03-09 15:47:00', NULL);
INSERT INTO public.payments VALUES (49, 1, 15, NULL, 18, 40.00, 'completed', '2024-01-09 09:30:00', NULL);
INSERT INTO public.payments VALUES (5, 2, 2, 4, 2, 94.99, 'completed', '2024-01-09 17:19:00', NULL);
INSERT INTO public.payments VALUES (6, 2, 2, NULL, 2, 39.11, 'completed', '2024-02-09 09:11:00', NULL);
INSERT INTO public.payments VALUES (7, 2, 2, 6, 2, 127.94, 'completed', '2024-03-27 12:14:00', NULL);
INSERT INTO public.payments VALUES (8, 2, 3, 7, 3, 83.08, 'completed', '2024-01-09 16:28:00', NULL);
INSERT INTO public.payments VALUES (9, 2, 3, 8, 3, 27.77, 'completed', '2024-02-14 15:17:00', NULL);
INSERT INTO public.payments VALUES (10, 2, 3, NULL, 3, 99.02, 'completed', '2024-03-09 10:02:00', NULL);
INSERT INTO public.payments VALUES (11, 2, 4, 10, 4, 80.98, 'reversed', '2024-01-05 16:58:00', NULL);
INSERT INTO public.payments VALUES (12, 2, 4, 10, 4, 80.98, 'completed', '2024-01-09 16:58:00', NULL);
INSERT INTO public.payments VALUES (13, 2, 4, 12, 4, 42.64, 'completed', '2024-03-07 12:04:00', NULL);
INSERT INTO public.payments VALUES (14, 2, 4, 12, 4, 85.26, 'completed', '2024-03-21 14:06:00', NULL);
INSERT INTO public.payments VALUES (15, 3, 5, 13, 5, 97.11, 'completed', '2024-01-09 09:51:00', NULL);
INSERT INTO public.payments VALUES (16, 3, 5, NULL, 5, 95.03, 'Pending', '2024-02-05 11:23:00', NULL);
INSERT INTO public.payments VALUES (17, 3, 5, NULL, 5, 95.03, 'completed', '2024-02-09 11:23:00', NULL);
INSERT INTO public.payments VALUES (18, 3, 5, 15, 5, 127.64, 'completed', '2024-03-09 12:44:00', NULL);
INSERT INTO public.payments VALUES (19, 3, 6, NULL, 6, 259.40, 'completed', '2024-02-09 08:20:00', NULL);
INSERT INTO public.payments VALUES (20, 3, 6, 18, 6, 57.54, 'completed', '2024-03-09 12:54:00', NULL);
INSERT INTO public.payments VALUES (21, 3, 7, 19, 7, 80.05, 'completed', '2024-01-09 13:25:00', NULL);
INSERT INTO public.payments VALUES (22, 3, 7, 20, 7, 76.22, 'completed', '2024-02-27 10:02:00', NULL);
INSERT INTO public.payments VALUES (23, 3, 7, 21, 7, 79.90, 'completed', '2024-03-09 08:10:00', NULL);
INSERT INTO public.payments VALUES (24, 3, 8, 22, 8, 130.64, 'completed', '2024-01-09 12:44:00', NULL);
INSERT INTO public.payments VALUES (25, 3, 8, 23, 9, 121.64, 'completed', '2024-01-09 12:44:00', NULL);
INSERT INTO public.payments VALUES (26, 3, 8, 24, 8, 55.15, 'completed', '2024-02-27 13:55:00', NULL);
INSERT INTO public.payments VALUES (27, 3, 8, 25, 9, 76.10, 'completed', '2024-02-09 08:50:00', NULL);
INSERT INTO public.payments VALUES (28, 3, 8, 28, 9, 169.47, 'completed', '2024-03-09 15:27:00', NULL);
INSERT INTO public.payments VALUES (29, 4, 9, 29, 10, 39.02, 'completed', '2024-01-09 10:02:00', NULL);
INSERT INTO public.payments VALUES (30, 4, 9, 30, 10, 38.28, 'completed', '2024-02-09 16:48:00', NULL);
INSERT INTO public.payments VALUES (31, 4, 9, 31, 10, 59.85, 'completed', '2024-03-09 13:45:00', NULL);
INSERT INTO public.payments VALUES (32, 4, 10, 32, 11, 99.22, 'completed', '2024-01-09 10:22:00', NULL);
INSERT INTO public.payments VALUES (33, 4, 10, NULL, 11, 67.31, 'completed', '2024-02-09 09:11:00', NULL);
INSERT INTO public.payments VALUES (34, 4, 11, 36, 12, 73.72, 'completed', '2024-02-09 10:52:00', NULL);
INSERT INTO public.payments VALUES (35, 4, 11, 37, 12, 60.59, 'completed', '2024-03-09 17:59:00', NULL);
INSERT INTO public.payments VALUES (36, 4, 12, 38, 13, 80.83, 'completed', '2024-01-09 11:43:00', NULL);
INSERT INTO public.payments VALUES (37, 4, 12, 39, 14, 42.42, 'completed', '2024-01-09 10:42:00', NULL);
INSERT INTO public.payments VALUES (38, 4, 12, 40, 13, 65.63, 'completed', '2024-02-09 11:23:00', NULL);
INSERT INTO public.payments VALUES (39, 4, 12, 41, 14, 44.50, 'completed', '2024-02-09 08:10:00', NULL);
INSERT INTO public.payments VALUES (40, 4, 12, 42, 13, 87.12, 'completed', '2024-03-09 10:12:00', NULL);
INSERT INTO public.payments VALUES (41, 4, 12, 43, 14, 59.16, 'completed', '2024-03-09 14:36:00', NULL);
INSERT INTO public.payments VALUES (42, 4, 13, 44, 15, 51.68, 'completed', '2024-01-09 16:08:00', NULL);
INSERT INTO public.payments VALUES (43, 4, 13, 45, 15, 94.54, 'completed', '2024-02-09 12:34:00', NULL);
INSERT INTO public.payments VALUES (44, 4, 13, 46, 15, 20.66, 'completed', '2024-03-14 14:26:00', NULL);
INSERT INTO public.payments VALUES (45, 4, 14, 47, 16, 65.70, 'completed', '2024-01-09 08:30:00', NULL);
INSERT INTO public.payments VALUES (46, 4, 14, 48, 17, 50.37, 'completed', '2024-02-09 15:57:00', NULL);
INSERT INTO public.payments VALUES (47, 4, 14, 49, 17, 17.68, 'completed', '2024-03-07 16:28:00', NULL);
INSERT INTO public.payments VALUES (48, 4, 14, 49, 17, 35.35, 'completed', '2024-03-21 13:55:00', NULL);
INSERT INTO public.tenants VALUES (1, 'Willowmere Water');
INSERT INTO public.tenants VALUES (2, 'Stonebrook Water');
INSERT INTO public.tenants VALUES (3, 'Hilltop Power');
INSERT INTO public.tenants VALUES (4, 'Fernvale Water');
SELECT pg_catalog.setval('public.bills_id_seq', 1, false);
SELECT pg_catalog.setval('public.customers_id_seq', 1, false);
SELECT pg_catalog.setval('public.invoice_bills_id_seq', 1, false);
SELECT pg_catalog.setval('public.invoices_id_seq', 1, false);
SELECT pg_catalog.setval('public.meter_assignments_id_seq', 1, false);
SELECT pg_catalog.setval('public.meter_migration_runs_id_seq', 18, true);
SELECT pg_catalog.setval('public.meters_id_seq', 1, false);
SELECT pg_catalog.setval('public.payments_id_seq', 1, false);
SELECT pg_catalog.setval('public.tenants_id_seq', 1, false);
ALTER TABLE ONLY public.bills
    ADD CONSTRAINT bills_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customer_balances_backup
    ADD CONSTRAINT customer_balances_backup_pkey PRIMARY KEY (tenant_id, customer_id);
ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.invoice_bills
    ADD CONSTRAINT invoice_bills_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.meter_assignments
    ADD CONSTRAINT meter_assignments_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.meter_migration_commits
    ADD CONSTRAINT meter_migration_commits_pkey PRIMARY KEY (step_run_id, part);
ALTER TABLE ONLY public.meter_migration_customer_balances
    ADD CONSTRAINT meter_migration_customer_balances_pkey PRIMARY KEY (step_run_id, customer_id);
ALTER TABLE ONLY public.meter_migration_invoice_amounts
    ADD CONSTRAINT meter_migration_invoice_amounts_pkey PRIMARY KEY (step_run_id, invoice_id);
ALTER TABLE ONLY public.meter_migration_meter_balances
    ADD CONSTRAINT meter_migration_meter_balances_pkey PRIMARY KEY (step_run_id, meter_id);
ALTER TABLE ONLY public.meter_migration_outcomes
    ADD CONSTRAINT meter_migration_outcomes_pkey PRIMARY KEY (step_run_id);
ALTER TABLE ONLY public.meter_migration_payment_meter_ids
    ADD CONSTRAINT meter_migration_payment_meter_ids_pkey PRIMARY KEY (step_run_id, payment_id);
ALTER TABLE ONLY public.meter_migration_retired_backups
    ADD CONSTRAINT meter_migration_retired_backups_pkey PRIMARY KEY (step_run_id, customer_id);
ALTER TABLE ONLY public.meter_migration_runs
    ADD CONSTRAINT meter_migration_runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.meters
    ADD CONSTRAINT meters_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);
CREATE INDEX ix_bills_tenant_id ON public.bills USING btree (tenant_id);
CREATE INDEX ix_customers_tenant_id ON public.customers USING btree (tenant_id);
CREATE INDEX ix_invoice_bills_invoice_id ON public.invoice_bills USING btree (invoice_id);
CREATE INDEX ix_invoices_meter_id ON public.invoices USING btree (meter_id);
CREATE INDEX ix_invoices_tenant_id ON public.invoices USING btree (tenant_id);
CREATE INDEX ix_meter_assignments_customer_id ON public.meter_assignments USING btree (customer_id);
CREATE INDEX ix_meter_assignments_tenant_id ON public.meter_assignments USING btree (tenant_id);
CREATE INDEX ix_meter_migration_runs_tenant_id ON public.meter_migration_runs USING btree (tenant_id);
CREATE INDEX ix_meters_tenant_id ON public.meters USING btree (tenant_id);
CREATE INDEX ix_payments_invoice_id ON public.payments USING btree (invoice_id);
CREATE INDEX ix_payments_meter_id ON public.payments USING btree (meter_id);
CREATE INDEX ix_payments_tenant_id ON public.payments USING btree (tenant_id);
