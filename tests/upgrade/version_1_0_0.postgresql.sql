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
INSERT INTO public.customer_balances_backup VALUES (1, 1, 50.25, 0.00, '2026-11-26 14:53:39.57697+00', '00000000-0000-4000-8000-000000000001');
INSERT INTO public.customer_balances_backup VALUES (1, 2, 27.75, 0.00, '2026-11-26 14:53:39.57697+00', '00000000-0000-4000-8000-000000000001');
INSERT INTO public.customer_balances_backup VALUES (1, 3, 0.00, 0.00, '2026-11-26 14:53:39.57697+00', '00000000-0000-4000-8000-000000000001');
INSERT INTO public.customer_balances_backup VALUES (2, 4, 0.00, 0.00, '2026-11-26 14:53:41.321316+00', '00000000-0000-4000-8000-000000000005');
INSERT INTO public.customer_balances_backup VALUES (2, 5, 0.00, 0.00, '2026-11-26 14:53:41.321316+00', '00000000-0000-4000-8000-000000000005');
INSERT INTO public.customer_balances_backup VALUES (2, 6, 0.00, 0.00, '2026-11-26 14:53:41.321316+00', '00000000-0000-4000-8000-000000000005');
INSERT INTO public.customer_balances_backup VALUES (2, 7, 0.00, 0.00, '2026-11-26 14:53:41.321316+00', '00000000-0000-4000-8000-000000000005');
INSERT INTO public.customer_balances_backup VALUES (2, 8, 0.00, 0.00, '2026-11-26 14:53:41.321316+00', '00000000-0000-4000-8000-000000000005');
INSERT INTO public.customer_balances_backup VALUES (2, 9, 0.00, 0.00, '2026-11-26 14:53:41.321316+00', '00000000-0000-4000-8000-000000000005');
INSERT INTO public.customer_balances_backup VALUES (2, 19, 0.00, 40.00, '2026-11-26 14:53:41.321316+00', '00000000-0000-4000-8000-000000000005');
INSERT INTO public.customers VALUES (1, 1, 'Chidi Juarez', 50.25, 0.00, NULL);
INSERT INTO public.customers VALUES (2, 1, 'Femi Dube', 27.75, 0.00, NULL);
INSERT INTO public.customers VALUES (3, 1, 'Femi Brandt', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (4, 2, 'Lena Ibsen', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (5, 2, 'Ada Haddad', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (6, 2, 'Chidi Haddad', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (7, 2, 'Hana Castel', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (8, 2, 'Elif Dube', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (9, 2, 'Juma Kamau', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (10, 3, 'Femi Abara', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (11, 3, 'Hana Brandt', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (12, 3, 'Femi Haddad', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (13, 3, 'Lena Kamau', 161.77, 0.00, NULL);
INSERT INTO public.customers VALUES (14, 3, 'Bela Ibsen', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (15, 3, 'Greta Ibsen', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (16, 3, 'Musa Gomes', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (17, 3, 'Greta Ibsen', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (18, 3, 'Ada Brandt', 0.00, 0.00, NULL);
INSERT INTO public.customers VALUES (19, 2, 'Femi Haddad', 0.00, 40.00, NULL);
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
INSERT INTO public.invoice_bills VALUES (11, 4, 1, 43.57, 1, NULL);
INSERT INTO public.invoice_bills VALUES (12, 4, 2, 4.18, 1, NULL);
INSERT INTO public.invoice_bills VALUES (13, 4, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (14, 5, 1, 10.76, 1, NULL);
INSERT INTO public.invoice_bills VALUES (15, 5, 2, 20.04, 1, NULL);
INSERT INTO public.invoice_bills VALUES (16, 5, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (17, 6, 1, 36.25, 1, NULL);
INSERT INTO public.invoice_bills VALUES (18, 6, 2, 23.51, 1, NULL);
INSERT INTO public.invoice_bills VALUES (19, 6, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (20, 6, 4, 33.30, 1, NULL);
INSERT INTO public.invoice_bills VALUES (21, 7, 1, 49.90, 1, NULL);
INSERT INTO public.invoice_bills VALUES (22, 7, 2, 23.69, 1, NULL);
INSERT INTO public.invoice_bills VALUES (23, 7, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (24, 8, 1, 42.94, 1, NULL);
INSERT INTO public.invoice_bills VALUES (25, 8, 2, 10.08, 1, NULL);
INSERT INTO public.invoice_bills VALUES (26, 8, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (27, 9, 1, 51.67, 1, NULL);
INSERT INTO public.invoice_bills VALUES (28, 9, 2, 19.10, 1, NULL);
INSERT INTO public.invoice_bills VALUES (29, 9, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (30, 10, 1, 59.36, 1, NULL);
INSERT INTO public.invoice_bills VALUES (31, 10, 2, 19.12, 1, NULL);
INSERT INTO public.invoice_bills VALUES (32, 10, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (33, 11, 1, 53.91, 1, NULL);
INSERT INTO public.invoice_bills VALUES (34, 11, 2, 12.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (35, 11, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (36, 12, 1, 31.05, 1, NULL);
INSERT INTO public.invoice_bills VALUES (37, 12, 2, 25.44, 1, NULL);
INSERT INTO public.invoice_bills VALUES (38, 12, 3, 2.50, 1, NULL);
INSERT INTO public.invoice_bills VALUES (39, 12, 4, 68.91, 1, NULL);
INSERT INTO public.invoice_bills VALUES (40, 13, 5, 43.90, 2, NULL);
INSERT INTO public.invoice_bills VALUES (41, 13, 6, 5.29, 2, NULL);
INSERT INTO public.invoice_bills VALUES (42, 13, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (43, 14, 5, 48.72, 2, NULL);
INSERT INTO public.invoice_bills VALUES (44, 14, 6, 17.61, 2, NULL);
INSERT INTO public.invoice_bills VALUES (45, 14, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (46, 15, 5, 46.53, 2, NULL);
INSERT INTO public.invoice_bills VALUES (47, 15, 6, 4.14, 2, NULL);
INSERT INTO public.invoice_bills VALUES (48, 15, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (49, 16, 5, 54.14, 2, NULL);
INSERT INTO public.invoice_bills VALUES (50, 16, 6, 13.45, 2, NULL);
INSERT INTO public.invoice_bills VALUES (51, 16, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (52, 17, 5, 17.96, 2, NULL);
INSERT INTO public.invoice_bills VALUES (53, 17, 6, 10.56, 2, NULL);
INSERT INTO public.invoice_bills VALUES (54, 17, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (55, 18, 5, 62.79, 2, NULL);
INSERT INTO public.invoice_bills VALUES (56, 18, 6, 14.17, 2, NULL);
INSERT INTO public.invoice_bills VALUES (57, 18, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (58, 19, 5, 40.66, 2, NULL);
INSERT INTO public.invoice_bills VALUES (59, 19, 6, 17.06, 2, NULL);
INSERT INTO public.invoice_bills VALUES (60, 19, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (61, 20, 5, 26.12, 2, NULL);
INSERT INTO public.invoice_bills VALUES (62, 20, 6, 20.68, 2, NULL);
INSERT INTO public.invoice_bills VALUES (63, 20, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (64, 21, 5, 27.07, 2, NULL);
INSERT INTO public.invoice_bills VALUES (65, 21, 6, 24.15, 2, NULL);
INSERT INTO public.invoice_bills VALUES (66, 21, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (67, 22, 5, 35.31, 2, NULL);
INSERT INTO public.invoice_bills VALUES (68, 22, 6, 20.46, 2, NULL);
INSERT INTO public.invoice_bills VALUES (69, 22, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (70, 23, 5, 14.79, 2, NULL);
INSERT INTO public.invoice_bills VALUES (71, 23, 6, 6.13, 2, NULL);
INSERT INTO public.invoice_bills VALUES (72, 23, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (73, 24, 5, 19.68, 2, NULL);
INSERT INTO public.invoice_bills VALUES (74, 24, 6, 3.34, 2, NULL);
INSERT INTO public.invoice_bills VALUES (75, 24, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (76, 25, 5, 12.06, 2, NULL);
INSERT INTO public.invoice_bills VALUES (77, 25, 6, 18.48, 2, NULL);
INSERT INTO public.invoice_bills VALUES (78, 25, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (79, 26, 5, 44.46, 2, NULL);
INSERT INTO public.invoice_bills VALUES (80, 26, 6, 10.95, 2, NULL);
INSERT INTO public.invoice_bills VALUES (81, 26, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (82, 27, 5, 49.94, 2, NULL);
INSERT INTO public.invoice_bills VALUES (83, 27, 6, 3.70, 2, NULL);
INSERT INTO public.invoice_bills VALUES (84, 27, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (85, 28, 5, 21.85, 2, NULL);
INSERT INTO public.invoice_bills VALUES (86, 28, 6, 11.22, 2, NULL);
INSERT INTO public.invoice_bills VALUES (87, 28, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (88, 29, 5, 44.16, 2, NULL);
INSERT INTO public.invoice_bills VALUES (89, 29, 6, 11.72, 2, NULL);
INSERT INTO public.invoice_bills VALUES (90, 29, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (91, 30, 5, 37.16, 2, NULL);
INSERT INTO public.invoice_bills VALUES (92, 30, 6, 24.88, 2, NULL);
INSERT INTO public.invoice_bills VALUES (93, 30, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (94, 31, 5, 12.30, 2, NULL);
INSERT INTO public.invoice_bills VALUES (95, 31, 6, 6.46, 2, NULL);
INSERT INTO public.invoice_bills VALUES (96, 31, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (97, 32, 5, 71.18, 2, NULL);
INSERT INTO public.invoice_bills VALUES (98, 32, 6, 16.60, 2, NULL);
INSERT INTO public.invoice_bills VALUES (99, 32, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (100, 32, 8, 32.26, 2, NULL);
INSERT INTO public.invoice_bills VALUES (101, 33, 5, 49.04, 2, NULL);
INSERT INTO public.invoice_bills VALUES (102, 33, 6, 8.54, 2, NULL);
INSERT INTO public.invoice_bills VALUES (103, 33, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (104, 34, 5, 21.06, 2, NULL);
INSERT INTO public.invoice_bills VALUES (105, 34, 6, 8.12, 2, NULL);
INSERT INTO public.invoice_bills VALUES (106, 34, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (107, 35, 5, 54.07, 2, NULL);
INSERT INTO public.invoice_bills VALUES (108, 35, 6, 12.16, 2, NULL);
INSERT INTO public.invoice_bills VALUES (109, 35, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (110, 36, 5, 18.36, 2, NULL);
INSERT INTO public.invoice_bills VALUES (111, 36, 6, 21.75, 2, NULL);
INSERT INTO public.invoice_bills VALUES (112, 36, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (113, 37, 5, 73.70, 2, NULL);
INSERT INTO public.invoice_bills VALUES (114, 37, 6, 4.63, 2, NULL);
INSERT INTO public.invoice_bills VALUES (115, 37, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (116, 38, 5, 28.63, 2, NULL);
INSERT INTO public.invoice_bills VALUES (117, 38, 6, 20.24, 2, NULL);
INSERT INTO public.invoice_bills VALUES (118, 38, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (119, 39, 5, 28.77, 2, NULL);
INSERT INTO public.invoice_bills VALUES (120, 39, 6, 9.51, 2, NULL);
INSERT INTO public.invoice_bills VALUES (121, 39, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (122, 40, 5, 33.08, 2, NULL);
INSERT INTO public.invoice_bills VALUES (123, 40, 6, 25.53, 2, NULL);
INSERT INTO public.invoice_bills VALUES (124, 40, 7, 2.50, 2, NULL);
INSERT INTO public.invoice_bills VALUES (125, 40, 8, 40.78, 2, NULL);
INSERT INTO public.invoice_bills VALUES (126, 41, 9, 134.02, 3, NULL);
INSERT INTO public.invoice_bills VALUES (127, 41, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (128, 42, 9, 113.54, 3, NULL);
INSERT INTO public.invoice_bills VALUES (129, 42, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (130, 43, 9, 103.95, 3, NULL);
INSERT INTO public.invoice_bills VALUES (131, 43, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (132, 44, 9, 55.36, 3, NULL);
INSERT INTO public.invoice_bills VALUES (133, 44, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (134, 45, 9, 78.97, 3, NULL);
INSERT INTO public.invoice_bills VALUES (135, 45, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (136, 46, 9, 64.61, 3, NULL);
INSERT INTO public.invoice_bills VALUES (137, 46, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (138, 47, 9, 55.15, 3, NULL);
INSERT INTO public.invoice_bills VALUES (139, 47, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (140, 48, 9, 26.61, 3, NULL);
INSERT INTO public.invoice_bills VALUES (141, 48, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (142, 49, 9, 142.42, 3, NULL);
INSERT INTO public.invoice_bills VALUES (143, 49, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (144, 50, 9, 38.18, 3, NULL);
INSERT INTO public.invoice_bills VALUES (145, 50, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (146, 50, 11, 154.72, 3, NULL);
INSERT INTO public.invoice_bills VALUES (147, 51, 9, 35.69, 3, NULL);
INSERT INTO public.invoice_bills VALUES (148, 51, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (149, 51, 11, 102.59, 3, NULL);
INSERT INTO public.invoice_bills VALUES (150, 52, 9, 117.15, 3, NULL);
INSERT INTO public.invoice_bills VALUES (151, 52, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (152, 53, 9, 85.47, 3, NULL);
INSERT INTO public.invoice_bills VALUES (153, 53, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (154, 54, 9, 79.83, 3, NULL);
INSERT INTO public.invoice_bills VALUES (155, 54, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (156, 55, 9, 83.26, 3, NULL);
INSERT INTO public.invoice_bills VALUES (157, 55, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (158, 56, 9, 35.50, 3, NULL);
INSERT INTO public.invoice_bills VALUES (159, 56, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (160, 57, 9, 80.71, 3, NULL);
INSERT INTO public.invoice_bills VALUES (161, 57, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (162, 58, 9, 160.00, 3, NULL);
INSERT INTO public.invoice_bills VALUES (163, 58, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (164, 59, 9, 66.97, 3, NULL);
INSERT INTO public.invoice_bills VALUES (165, 59, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (166, 60, 9, 66.27, 3, NULL);
INSERT INTO public.invoice_bills VALUES (167, 60, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (168, 61, 9, 70.20, 3, NULL);
INSERT INTO public.invoice_bills VALUES (169, 61, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (170, 61, 11, 79.27, 3, NULL);
INSERT INTO public.invoice_bills VALUES (171, 62, 9, 144.83, 3, NULL);
INSERT INTO public.invoice_bills VALUES (172, 62, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (173, 63, 9, 129.89, 3, NULL);
INSERT INTO public.invoice_bills VALUES (174, 63, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (175, 64, 9, 108.59, 3, NULL);
INSERT INTO public.invoice_bills VALUES (176, 64, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (177, 65, 9, 139.14, 3, NULL);
INSERT INTO public.invoice_bills VALUES (178, 65, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (179, 66, 9, 21.66, 3, NULL);
INSERT INTO public.invoice_bills VALUES (180, 66, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (181, 67, 9, 147.37, 3, NULL);
INSERT INTO public.invoice_bills VALUES (182, 67, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (183, 68, 9, 28.71, 3, NULL);
INSERT INTO public.invoice_bills VALUES (184, 68, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (185, 69, 9, 28.43, 3, NULL);
INSERT INTO public.invoice_bills VALUES (186, 69, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (187, 70, 9, 68.32, 3, NULL);
INSERT INTO public.invoice_bills VALUES (188, 70, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (189, 71, 9, 102.49, 3, NULL);
INSERT INTO public.invoice_bills VALUES (190, 71, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (191, 72, 9, 20.04, 3, NULL);
INSERT INTO public.invoice_bills VALUES (192, 72, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (193, 72, 11, 148.77, 3, NULL);
INSERT INTO public.invoice_bills VALUES (194, 73, 9, 59.76, 3, NULL);
INSERT INTO public.invoice_bills VALUES (195, 73, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (196, 74, 9, 147.48, 3, NULL);
INSERT INTO public.invoice_bills VALUES (197, 74, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (198, 75, 9, 108.47, 3, NULL);
INSERT INTO public.invoice_bills VALUES (199, 75, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (200, 76, 9, 139.69, 3, NULL);
INSERT INTO public.invoice_bills VALUES (201, 76, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (202, 76, 11, 102.12, 3, NULL);
INSERT INTO public.invoice_bills VALUES (203, 77, 9, 86.62, 3, NULL);
INSERT INTO public.invoice_bills VALUES (204, 77, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (205, 78, 9, 132.63, 3, NULL);
INSERT INTO public.invoice_bills VALUES (206, 78, 10, 12.30, 3, NULL);
INSERT INTO public.invoice_bills VALUES (207, 78, 11, 49.45, 3, NULL);
INSERT INTO public.invoices VALUES (1, 1, 1, 1, 'INV-01-0000001', '2024-01-01', 73.49, 0.00, 73.49, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (2, 1, 1, 1, 'INV-01-0000002', '2024-02-01', 64.15, 36.74, 100.89, 'paid', NULL);
INSERT INTO public.invoices VALUES (3, 1, 1, 1, 'INV-01-0000003', '2024-03-01', 35.87, 0.00, 35.87, 'paid', NULL);
INSERT INTO public.invoices VALUES (4, 1, 1, 1, 'INV-01-0000004', '2024-04-01', 50.25, 0.00, 50.25, 'open', NULL);
INSERT INTO public.invoices VALUES (5, 1, 2, 2, 'INV-01-0000005', '2024-01-01', 33.30, 0.00, 33.30, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (6, 1, 2, 2, 'INV-01-0000006', '2024-02-01', 62.26, 33.30, 95.56, 'paid', NULL);
INSERT INTO public.invoices VALUES (7, 1, 2, 2, 'INV-01-0000007', '2024-03-01', 76.09, 0.00, 76.09, 'paid', NULL);
INSERT INTO public.invoices VALUES (8, 1, 2, 2, 'INV-01-0000008', '2024-04-01', 55.52, 0.00, 55.52, 'open', NULL);
INSERT INTO public.invoices VALUES (9, 1, 3, 3, 'INV-01-0000009', '2024-01-01', 73.27, 0.00, 73.27, 'paid', NULL);
INSERT INTO public.invoices VALUES (10, 1, 3, 3, 'INV-01-0000010', '2024-02-01', 80.98, 0.00, 80.98, 'paid', NULL);
INSERT INTO public.invoices VALUES (11, 1, 3, 3, 'INV-01-0000011', '2024-03-01', 68.91, 0.00, 68.91, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (12, 1, 3, 3, 'INV-01-0000012', '2024-04-01', 58.99, 68.91, 127.90, 'paid', NULL);
INSERT INTO public.invoices VALUES (13, 2, 4, 4, 'INV-02-0000013', '2024-01-01', 51.69, 0.00, 51.69, 'paid', NULL);
INSERT INTO public.invoices VALUES (14, 2, 4, 4, 'INV-02-0000014', '2024-02-01', 68.83, 0.00, 68.83, 'paid', NULL);
INSERT INTO public.invoices VALUES (15, 2, 4, 4, 'INV-02-0000015', '2024-03-01', 53.17, 0.00, 53.17, 'paid', NULL);
INSERT INTO public.invoices VALUES (16, 2, 4, 4, 'INV-02-0000016', '2024-04-01', 70.09, 0.00, 70.09, 'paid', NULL);
INSERT INTO public.invoices VALUES (17, 2, 5, 5, 'INV-02-0000017', '2024-01-01', 31.02, 0.00, 31.02, 'paid', NULL);
INSERT INTO public.invoices VALUES (18, 2, 5, 5, 'INV-02-0000018', '2024-02-01', 79.46, 0.00, 79.46, 'paid', NULL);
INSERT INTO public.invoices VALUES (19, 2, 5, 5, 'INV-02-0000019', '2024-03-01', 60.22, 0.00, 60.22, 'paid', NULL);
INSERT INTO public.invoices VALUES (20, 2, 5, 5, 'INV-02-0000020', '2024-04-01', 49.30, 0.00, 49.30, 'paid', NULL);
INSERT INTO public.invoices VALUES (21, 2, 6, 6, 'INV-02-0000021', '2024-01-01', 53.72, 0.00, 53.72, 'paid', NULL);
INSERT INTO public.invoices VALUES (22, 2, 6, 6, 'INV-02-0000022', '2024-02-01', 58.27, 0.00, 58.27, 'paid', NULL);
INSERT INTO public.invoices VALUES (23, 2, 6, 6, 'INV-02-0000023', '2024-03-01', 23.42, 0.00, 23.42, 'paid', NULL);
INSERT INTO public.invoices VALUES (24, 2, 6, 6, 'INV-02-0000024', '2024-04-01', 25.52, 0.00, 25.52, 'paid', NULL);
INSERT INTO public.invoices VALUES (25, 2, 7, 7, 'INV-02-0000025', '2024-01-01', 33.04, 0.00, 33.04, 'paid', NULL);
INSERT INTO public.invoices VALUES (26, 2, 7, 8, 'INV-02-0000026', '2024-01-01', 57.91, 0.00, 57.91, 'paid', NULL);
INSERT INTO public.invoices VALUES (27, 2, 7, 7, 'INV-02-0000027', '2024-02-01', 56.14, 0.00, 56.14, 'paid', NULL);
INSERT INTO public.invoices VALUES (28, 2, 7, 8, 'INV-02-0000028', '2024-02-01', 35.57, 0.00, 35.57, 'paid', NULL);
INSERT INTO public.invoices VALUES (29, 2, 7, 7, 'INV-02-0000029', '2024-03-01', 58.38, 0.00, 58.38, 'paid', NULL);
INSERT INTO public.invoices VALUES (30, 2, 7, 8, 'INV-02-0000030', '2024-03-01', 64.54, 0.00, 64.54, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (31, 2, 7, 7, 'INV-02-0000031', '2024-04-01', 21.26, 0.00, 21.26, 'paid', NULL);
INSERT INTO public.invoices VALUES (32, 2, 7, 8, 'INV-02-0000032', '2024-04-01', 90.28, 32.26, 122.54, 'paid', NULL);
INSERT INTO public.invoices VALUES (33, 2, 8, 9, 'INV-02-0000033', '2024-01-01', 60.08, 0.00, 60.08, 'paid', NULL);
INSERT INTO public.invoices VALUES (34, 2, 8, 9, 'INV-02-0000034', '2024-02-01', 31.68, 0.00, 31.68, 'paid', NULL);
INSERT INTO public.invoices VALUES (35, 2, 8, 9, 'INV-02-0000035', '2024-03-01', 68.73, 0.00, 68.73, 'paid', NULL);
INSERT INTO public.invoices VALUES (36, 2, 8, 9, 'INV-02-0000036', '2024-04-01', 42.61, 0.00, 42.61, 'paid', NULL);
INSERT INTO public.invoices VALUES (37, 2, 9, 10, 'INV-02-0000037', '2024-01-01', 80.83, 0.00, 80.83, 'paid', NULL);
INSERT INTO public.invoices VALUES (38, 2, 9, 10, 'INV-02-0000038', '2024-02-01', 51.37, 0.00, 51.37, 'paid', NULL);
INSERT INTO public.invoices VALUES (39, 2, 9, 11, 'INV-02-0000039', '2024-03-01', 40.78, 0.00, 40.78, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (40, 2, 9, 11, 'INV-02-0000040', '2024-04-01', 61.11, 40.78, 101.89, 'paid', NULL);
INSERT INTO public.invoices VALUES (41, 3, 10, 12, 'INV-03-0000041', '2024-01-01', 146.32, 0.00, 146.32, 'paid', NULL);
INSERT INTO public.invoices VALUES (42, 3, 10, 12, 'INV-03-0000042', '2024-02-01', 125.84, 0.00, 125.84, 'paid', NULL);
INSERT INTO public.invoices VALUES (43, 3, 10, 12, 'INV-03-0000043', '2024-03-01', 116.25, 0.00, 116.25, 'paid', NULL);
INSERT INTO public.invoices VALUES (44, 3, 10, 12, 'INV-03-0000044', '2024-04-01', 67.66, 0.00, 67.66, 'paid', NULL);
INSERT INTO public.invoices VALUES (45, 3, 11, 13, 'INV-03-0000045', '2024-01-01', 91.27, 0.00, 91.27, 'paid', NULL);
INSERT INTO public.invoices VALUES (46, 3, 11, 13, 'INV-03-0000046', '2024-02-01', 76.91, 0.00, 76.91, 'paid', NULL);
INSERT INTO public.invoices VALUES (47, 3, 11, 13, 'INV-03-0000047', '2024-03-01', 67.45, 0.00, 67.45, 'paid', NULL);
INSERT INTO public.invoices VALUES (48, 3, 11, 13, 'INV-03-0000048', '2024-04-01', 38.91, 0.00, 38.91, 'paid', NULL);
INSERT INTO public.invoices VALUES (49, 3, 12, 14, 'INV-03-0000049', '2024-01-01', 154.72, 0.00, 154.72, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (50, 3, 12, 14, 'INV-03-0000050', '2024-02-01', 50.48, 154.72, 205.20, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (51, 3, 12, 14, 'INV-03-0000051', '2024-03-01', 47.99, 102.59, 150.58, 'paid', NULL);
INSERT INTO public.invoices VALUES (52, 3, 12, 14, 'INV-03-0000052', '2024-04-01', 129.45, 0.00, 129.45, 'paid', NULL);
INSERT INTO public.invoices VALUES (53, 3, 13, 15, 'INV-03-0000053', '2024-01-01', 97.77, 0.00, 97.77, 'paid', NULL);
INSERT INTO public.invoices VALUES (54, 3, 13, 16, 'INV-03-0000054', '2024-01-01', 92.13, 0.00, 92.13, 'paid', NULL);
INSERT INTO public.invoices VALUES (55, 3, 13, 15, 'INV-03-0000055', '2024-02-01', 95.56, 0.00, 95.56, 'paid', NULL);
INSERT INTO public.invoices VALUES (56, 3, 13, 16, 'INV-03-0000056', '2024-02-01', 47.80, 0.00, 47.80, 'paid', NULL);
INSERT INTO public.invoices VALUES (57, 3, 13, 15, 'INV-03-0000057', '2024-03-01', 93.01, 0.00, 93.01, 'paid', NULL);
INSERT INTO public.invoices VALUES (58, 3, 13, 16, 'INV-03-0000058', '2024-03-01', 172.30, 0.00, 172.30, 'Voided', NULL);
INSERT INTO public.invoices VALUES (59, 3, 13, 16, 'INV-03-0000059', '2024-03-01', 79.27, 0.00, 79.27, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (60, 3, 13, 15, 'INV-03-0000060', '2024-04-01', 78.57, 0.00, 78.57, 'paid', NULL);
INSERT INTO public.invoices VALUES (61, 3, 13, 16, 'INV-03-0000061', '2024-04-01', 82.50, 79.27, 161.77, 'open', NULL);
INSERT INTO public.invoices VALUES (62, 3, 14, 17, 'INV-03-0000062', '2024-01-01', 157.13, 0.00, 157.13, 'paid', NULL);
INSERT INTO public.invoices VALUES (63, 3, 14, 17, 'INV-03-0000063', '2024-02-01', 142.19, 0.00, 142.19, 'paid', NULL);
INSERT INTO public.invoices VALUES (64, 3, 14, 17, 'INV-03-0000064', '2024-03-01', 120.89, 0.00, 120.89, 'paid', NULL);
INSERT INTO public.invoices VALUES (65, 3, 14, 17, 'INV-03-0000065', '2024-04-01', 151.44, 0.00, 151.44, 'paid', NULL);
INSERT INTO public.invoices VALUES (66, 3, 15, 18, 'INV-03-0000066', '2024-01-01', 33.96, 0.00, 33.96, 'paid', NULL);
INSERT INTO public.invoices VALUES (67, 3, 15, 18, 'INV-03-0000067', '2024-02-01', 159.67, 0.00, 159.67, 'paid', NULL);
INSERT INTO public.invoices VALUES (68, 3, 15, 19, 'INV-03-0000068', '2024-03-01', 41.01, 0.00, 41.01, 'paid', NULL);
INSERT INTO public.invoices VALUES (69, 3, 15, 19, 'INV-03-0000069', '2024-04-01', 40.73, 0.00, 40.73, 'paid', NULL);
INSERT INTO public.invoices VALUES (70, 3, 16, 18, 'INV-03-0000070', '2024-03-01', 80.62, 0.00, 80.62, 'paid', NULL);
INSERT INTO public.invoices VALUES (71, 3, 16, 18, 'INV-03-0000071', '2024-04-01', 114.79, 0.00, 114.79, 'paid', NULL);
INSERT INTO public.invoices VALUES (72, 3, 17, 20, 'INV-03-0000072', '2024-01-01', 32.34, 148.77, 181.11, 'paid', NULL);
INSERT INTO public.invoices VALUES (73, 3, 17, 20, 'INV-03-0000073', '2024-02-01', 72.06, 0.00, 72.06, 'paid', NULL);
INSERT INTO public.invoices VALUES (74, 3, 17, 20, 'INV-03-0000074', '2024-03-01', 159.78, 0.00, 159.78, 'paid', NULL);
INSERT INTO public.invoices VALUES (75, 3, 17, 20, 'INV-03-0000075', '2024-04-01', 120.77, 0.00, 120.77, 'paid', NULL);
INSERT INTO public.invoices VALUES (76, 3, 18, 21, 'INV-03-0000076', '2024-01-01', 151.99, 102.12, 254.11, 'paid', NULL);
INSERT INTO public.invoices VALUES (77, 3, 18, 21, 'INV-03-0000077', '2024-02-01', 98.92, 0.00, 98.92, 'carried_forward', NULL);
INSERT INTO public.invoices VALUES (78, 3, 18, 21, 'INV-03-0000078', '2024-03-01', 144.93, 49.45, 194.38, 'paid', NULL);
INSERT INTO public.meter_assignments VALUES (1, 1, 1, 1, true, NULL);
INSERT INTO public.meter_assignments VALUES (2, 1, 2, 2, true, NULL);
INSERT INTO public.meter_assignments VALUES (3, 1, 3, 3, true, NULL);
INSERT INTO public.meter_assignments VALUES (4, 2, 4, 4, true, NULL);
INSERT INTO public.meter_assignments VALUES (5, 2, 5, 5, true, NULL);
INSERT INTO public.meter_assignments VALUES (6, 2, 6, 6, true, NULL);
INSERT INTO public.meter_assignments VALUES (7, 2, 7, 7, true, NULL);
INSERT INTO public.meter_assignments VALUES (8, 2, 7, 8, true, NULL);
INSERT INTO public.meter_assignments VALUES (9, 2, 8, 9, true, NULL);
INSERT INTO public.meter_assignments VALUES (10, 2, 9, 10, false, NULL);
INSERT INTO public.meter_assignments VALUES (11, 2, 9, 11, true, NULL);
INSERT INTO public.meter_assignments VALUES (12, 3, 10, 12, true, NULL);
INSERT INTO public.meter_assignments VALUES (13, 3, 11, 13, true, NULL);
INSERT INTO public.meter_assignments VALUES (14, 3, 12, 14, true, NULL);
INSERT INTO public.meter_assignments VALUES (15, 3, 13, 15, true, NULL);
INSERT INTO public.meter_assignments VALUES (16, 3, 13, 16, true, NULL);
INSERT INTO public.meter_assignments VALUES (17, 3, 14, 17, true, NULL);
INSERT INTO public.meter_assignments VALUES (18, 3, 15, 18, false, NULL);
INSERT INTO public.meter_assignments VALUES (19, 3, 15, 19, true, NULL);
INSERT INTO public.meter_assignments VALUES (20, 3, 16, 18, true, NULL);
INSERT INTO public.meter_assignments VALUES (21, 3, 17, 20, true, NULL);
INSERT INTO public.meter_assignments VALUES (22, 3, 18, 21, false, NULL);
INSERT INTO public.meter_assignments VALUES (23, 2, 19, 22, true, NULL);
INSERT INTO public.meter_assignments VALUES (24, 2, 19, 23, true, NULL);
INSERT INTO public.meter_migration_meter_balances VALUES (4, '00000000-0000-4000-8000-000000000001', 1, 1, NULL, 50.25, NULL, 0, NULL, 223.76, NULL, 173.51, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (4, '00000000-0000-4000-8000-000000000001', 1, 2, 0.00, 27.75, 0.00, 0, NULL, 227.17, NULL, 199.42, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (4, '00000000-0000-4000-8000-000000000001', 1, 3, 0.00, 0, 0.00, 0, NULL, 282.15, NULL, 282.15, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 4, NULL, 0, NULL, 0, NULL, 243.78, NULL, 243.78, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 5, 0.00, 0, 0.00, 0, NULL, 220.00, NULL, 220.00, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 6, 0.00, 0, 0.00, 0, NULL, 160.93, NULL, 160.93, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 7, NULL, 0, NULL, 0, NULL, 168.82, NULL, 168.82, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 8, NULL, 0, NULL, 0, NULL, 248.30, NULL, 248.30, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 9, NULL, 0, NULL, 0, NULL, 203.10, NULL, 203.10, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 10, 0.00, 0, 0.00, 0, NULL, 132.20, NULL, 132.20, NULL, '2024-02-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 11, 0.00, 0, 0.00, 0, NULL, 101.89, NULL, 101.89, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 22, 0.00, 0, 0.00, 40.00, NULL, 0, NULL, 40.00, NULL, NULL, 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 23, 0.00, 0, 0.00, 0, NULL, 0, NULL, 0, NULL, NULL, 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 4, 0.00, NULL, 0.00, NULL, 243.78, NULL, 243.78, NULL, '2024-04-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 5, 0.00, 0.00, 0.00, 0.00, 220.00, NULL, 220.00, NULL, '2024-04-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 6, 0.00, 0.00, 0.00, 0.00, 160.93, NULL, 160.93, NULL, '2024-04-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 7, 0.00, NULL, 0.00, NULL, 168.82, NULL, 168.82, NULL, '2024-04-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 8, 0.00, NULL, 0.00, NULL, 248.30, NULL, 248.30, NULL, '2024-04-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 9, 0.00, NULL, 0.00, NULL, 203.10, NULL, 203.10, NULL, '2024-04-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 10, 0.00, 0.00, 0.00, 0.00, 132.20, NULL, 132.20, NULL, '2024-02-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 11, 0.00, 0.00, 0.00, 0.00, 101.89, NULL, 101.89, NULL, '2024-04-01', NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 22, 0.00, 0.00, 40.00, 0.00, 0.00, NULL, 40.00, NULL, NULL, NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 23, 0.00, 0.00, 0.00, 0.00, 0.00, NULL, 0.00, NULL, NULL, NULL, 'restored');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 4, NULL, 0, NULL, 0, NULL, 243.78, NULL, 243.78, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 5, 0.00, 0, 0.00, 0, NULL, 220.00, NULL, 220.00, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 6, 0.00, 0, 0.00, 0, NULL, 160.93, NULL, 160.93, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 7, NULL, 0, NULL, 0, NULL, 168.82, NULL, 168.82, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 8, NULL, 0, NULL, 0, NULL, 248.30, NULL, 248.30, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 9, NULL, 0, NULL, 0, NULL, 203.10, NULL, 203.10, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 10, 0.00, 0, 0.00, 0, NULL, 132.20, NULL, 132.20, NULL, '2024-02-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 11, 0.00, 0, 0.00, 0, NULL, 101.89, NULL, 101.89, NULL, '2024-04-01', 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 22, 0.00, 0, 0.00, 40.00, NULL, 0, NULL, 40.00, NULL, NULL, 'charges_and_opening_balance');
INSERT INTO public.meter_migration_meter_balances VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 23, 0.00, 0, 0.00, 0, NULL, 0, NULL, 0, NULL, NULL, 'charges_and_opening_balance');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 1, NULL, 1, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 2, NULL, 1, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 4, NULL, 1, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 3, NULL, 1, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 5, NULL, 2, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 6, NULL, 2, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 7, NULL, 2, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 8, NULL, 3, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 10, NULL, 3, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 9, NULL, 3, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 12, NULL, 3, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 11, NULL, 3, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 13, NULL, 4, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 14, NULL, 4, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 15, NULL, 4, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 16, NULL, 4, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 17, NULL, 5, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 18, NULL, 5, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 19, NULL, 5, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 20, NULL, 5, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 21, NULL, 6, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 22, NULL, 6, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 23, NULL, 6, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 24, NULL, 6, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 25, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 26, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 27, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 28, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 29, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 30, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 31, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 32, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 33, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 34, NULL, 9, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 35, NULL, 9, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 36, NULL, 9, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 37, NULL, 9, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 38, NULL, 10, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 39, NULL, 10, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 40, NULL, 11, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 77, NULL, 22, 'first_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 13, 4, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 14, 4, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 15, 4, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 16, 4, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 17, 5, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 18, 5, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 19, 5, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 20, 5, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 21, 6, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 22, 6, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 23, 6, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 24, 6, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 25, 7, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 26, 8, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 27, 7, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 28, 8, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 29, 8, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 30, 7, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 31, 8, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 32, 7, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 33, 8, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 34, 9, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 35, 9, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 36, 9, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 37, 9, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 38, 10, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 39, 10, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 40, 11, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 77, 22, NULL, 'restored');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 14, NULL, 4, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 15, NULL, 4, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 17, NULL, 5, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 18, NULL, 5, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 20, NULL, 5, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 21, NULL, 6, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 22, NULL, 6, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 24, NULL, 6, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 25, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 26, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 27, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 29, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 28, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 30, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 31, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 32, NULL, 7, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 33, NULL, 8, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 34, NULL, 9, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 35, NULL, 9, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 37, NULL, 9, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 38, NULL, 10, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 39, NULL, 10, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 40, NULL, 11, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 77, NULL, 22, 'first_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 36, NULL, 9, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 23, NULL, 6, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 19, NULL, 5, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 16, NULL, 4, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 13, NULL, 4, 'sole_active_meter');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (21, '00000000-0000-4000-8000-000000000007', 3, 41, NULL, 12, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (21, '00000000-0000-4000-8000-000000000007', 3, 42, NULL, 12, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (21, '00000000-0000-4000-8000-000000000007', 3, 43, NULL, 12, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (21, '00000000-0000-4000-8000-000000000007', 3, 44, NULL, 12, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (21, '00000000-0000-4000-8000-000000000007', 3, 45, NULL, 13, 'invoice');
INSERT INTO public.meter_migration_payment_meter_ids VALUES (21, '00000000-0000-4000-8000-000000000007', 3, 46, NULL, 13, 'invoice');
INSERT INTO public.meter_migration_retired_backups VALUES (14, '00000000-0000-4000-8000-000000000004', 2, 4, 0.00, NULL, 0.00, NULL, 'restored');
INSERT INTO public.meter_migration_retired_backups VALUES (14, '00000000-0000-4000-8000-000000000004', 2, 5, 0.00, NULL, 0.00, NULL, 'restored');
INSERT INTO public.meter_migration_retired_backups VALUES (14, '00000000-0000-4000-8000-000000000004', 2, 6, 0.00, NULL, 0.00, NULL, 'restored');
INSERT INTO public.meter_migration_retired_backups VALUES (14, '00000000-0000-4000-8000-000000000004', 2, 7, 0.00, NULL, 0.00, NULL, 'restored');
INSERT INTO public.meter_migration_retired_backups VALUES (14, '00000000-0000-4000-8000-000000000004', 2, 8, 0.00, NULL, 0.00, NULL, 'restored');
INSERT INTO public.meter_migration_retired_backups VALUES (14, '00000000-0000-4000-8000-000000000004', 2, 9, 0.00, NULL, 0.00, NULL, 'restored');
INSERT INTO public.meter_migration_retired_backups VALUES (14, '00000000-0000-4000-8000-000000000004', 2, 19, 0.00, NULL, 40.00, NULL, 'restored');
INSERT INTO public.meter_migration_runs VALUES (1, '00000000-0000-4000-8000-000000000001', 1, 'payment_meter_ids', NULL, '2026-11-26 14:53:39.212671+00', '2026-11-26 14:53:39.424274+00', 'succeeded', 12, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (2, '00000000-0000-4000-8000-000000000001', 1, 'invoice_amounts', NULL, '2026-11-26 14:53:39.451433+00', '2026-11-26 14:53:39.532716+00', 'succeeded', 0, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (3, '00000000-0000-4000-8000-000000000001', 1, 'customer_balances_backup', NULL, '2026-11-26 14:53:39.561632+00', '2026-11-26 14:53:39.594501+00', 'succeeded', 3, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (4, '00000000-0000-4000-8000-000000000001', 1, 'meter_balances', NULL, '2026-11-26 14:53:39.621591+00', '2026-11-26 14:53:39.782154+00', 'succeeded', 3, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (5, '00000000-0000-4000-8000-000000000002', 1, 'payment_meter_ids', NULL, '2026-11-26 14:53:39.820461+00', '2026-11-26 14:53:39.848257+00', 'succeeded', 0, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (6, '00000000-0000-4000-8000-000000000002', 1, 'invoice_amounts', NULL, '2026-11-26 14:53:39.872423+00', '2026-11-26 14:53:39.923332+00', 'succeeded', 0, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (7, '00000000-0000-4000-8000-000000000002', 1, 'customer_balances_backup', NULL, '2026-11-26 14:53:39.951322+00', '2026-11-26 14:53:39.971253+00', 'succeeded', 0, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (8, '00000000-0000-4000-8000-000000000002', 1, 'meter_balances', NULL, '2026-11-26 14:53:40.00588+00', '2026-11-26 14:53:40.08424+00', 'succeeded', 0, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (11, '00000000-0000-4000-8000-000000000003', 2, 'customer_balances_backup', NULL, '2026-11-26 14:53:40.399267+00', '2026-11-26 14:53:40.422609+00', 'succeeded', 7, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (9, '00000000-0000-4000-8000-000000000003', 2, 'payment_meter_ids', NULL, '2026-11-26 14:53:40.125514+00', '2026-11-26 14:53:40.235487+00', 'succeeded', 29, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (10, '00000000-0000-4000-8000-000000000003', 2, 'invoice_amounts', NULL, '2026-11-26 14:53:40.2722+00', '2026-11-26 14:53:40.369815+00', 'succeeded', 0, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (12, '00000000-0000-4000-8000-000000000003', 2, 'meter_balances', NULL, '2026-11-26 14:53:40.458034+00', '2026-11-26 14:53:40.618099+00', 'succeeded', 10, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (14, '00000000-0000-4000-8000-000000000004', 2, 'customer_balances_backup', 11, '2026-11-26 14:53:40.793096+00', '2026-11-26 14:53:40.833367+00', 'succeeded', 7, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (13, '00000000-0000-4000-8000-000000000004', 2, 'meter_balances', 12, '2026-11-26 14:53:40.688845+00', '2026-11-26 14:53:40.760236+00', 'succeeded', 10, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (15, '00000000-0000-4000-8000-000000000004', 2, 'payment_meter_ids', 9, '2026-11-26 14:53:40.867478+00', '2026-11-26 14:53:40.910549+00', 'succeeded', 29, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (16, '00000000-0000-4000-8000-000000000005', 2, 'payment_meter_ids', NULL, '2026-11-26 14:53:41.149267+00', '2026-11-26 14:53:41.184272+00', 'succeeded', 29, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (17, '00000000-0000-4000-8000-000000000005', 2, 'invoice_amounts', NULL, '2026-11-26 14:53:41.216748+00', '2026-11-26 14:53:41.271444+00', 'succeeded', 0, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (18, '00000000-0000-4000-8000-000000000005', 2, 'customer_balances_backup', NULL, '2026-11-26 14:53:41.307951+00', '2026-11-26 14:53:41.331472+00', 'succeeded', 7, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (19, '00000000-0000-4000-8000-000000000005', 2, 'meter_balances', NULL, '2026-11-26 14:53:41.359266+00', '2026-11-26 14:53:41.436403+00', 'succeeded', 10, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (20, '00000000-0000-4000-8000-000000000006', 2, 'customer_balances', NULL, '2026-11-26 14:53:41.48107+00', '2026-11-26 14:53:41.559621+00', 'succeeded', 0, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meter_migration_runs VALUES (21, '00000000-0000-4000-8000-000000000007', 3, 'payment_meter_ids', NULL, '2026-11-26 14:53:41.670713+00', NULL, 'running', 6, NULL, '{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}', '1.0.0');
INSERT INTO public.meters VALUES (12, 3, '03-000012', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (13, 3, '03-000013', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (14, 3, '03-000014', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (15, 3, '03-000015', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (16, 3, '03-000016', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (17, 3, '03-000017', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (18, 3, '03-000018', 'active', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (19, 3, '03-000019', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (20, 3, '03-000020', 'active', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (21, 3, '03-000021', 'disconnected', 0.00, 0.00, NULL, NULL, NULL, NULL);
INSERT INTO public.meters VALUES (1, 1, '01-000001', 'active', 50.25, 0.00, 223.76, 173.51, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (2, 1, '01-000002', 'active', 27.75, 0.00, 227.17, 199.42, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (3, 1, '01-000003', 'active', 0.00, 0.00, 282.15, 282.15, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (4, 2, '02-000004', 'active', 0.00, 0.00, 243.78, 243.78, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (5, 2, '02-000005', 'active', 0.00, 0.00, 220.00, 220.00, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (6, 2, '02-000006', 'active', 0.00, 0.00, 160.93, 160.93, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (7, 2, '02-000007', 'active', 0.00, 0.00, 168.82, 168.82, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (8, 2, '02-000008', 'active', 0.00, 0.00, 248.30, 248.30, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (9, 2, '02-000009', 'active', 0.00, 0.00, 203.10, 203.10, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (10, 2, '02-000010', 'active', 0.00, 0.00, 132.20, 132.20, '2024-02-01', NULL);
INSERT INTO public.meters VALUES (11, 2, '02-000011', 'active', 0.00, 0.00, 101.89, 101.89, '2024-04-01', NULL);
INSERT INTO public.meters VALUES (22, 2, '02-000022', 'active', 0.00, 40.00, 0.00, 40.00, NULL, NULL);
INSERT INTO public.meters VALUES (23, 2, '02-000023', 'active', 0.00, 0.00, 0.00, 0.00, NULL, NULL);
INSERT INTO public.payments VALUES (47, 3, 11, 47, NULL, 67.45, 'completed', '2024-03-09 13:25:00', NULL);
INSERT INTO public.payments VALUES (48, 3, 11, 48, NULL, 38.91, 'completed', '2024-04-09 09:51:00', NULL);
INSERT INTO public.payments VALUES (49, 3, 12, 50, NULL, 102.61, 'completed', '2024-02-14 09:01:00', NULL);
INSERT INTO public.payments VALUES (50, 3, 12, 51, NULL, 177.47, 'completed', '2024-03-27 15:47:00', NULL);
INSERT INTO public.payments VALUES (51, 3, 12, 52, NULL, 102.56, 'completed', '2024-04-09 14:56:00', NULL);
INSERT INTO public.payments VALUES (52, 3, 13, 53, NULL, 97.77, 'completed', '2024-01-09 15:57:00', NULL);
INSERT INTO public.payments VALUES (53, 3, 13, 54, NULL, 92.13, 'completed', '2024-01-09 11:33:00', NULL);
INSERT INTO public.payments VALUES (54, 3, 13, 55, NULL, 95.56, 'completed', '2024-02-09 14:16:00', NULL);
INSERT INTO public.payments VALUES (55, 3, 13, 56, NULL, 47.80, 'completed', '2024-02-09 08:40:00', NULL);
INSERT INTO public.payments VALUES (56, 3, 13, 57, NULL, 93.01, 'completed', '2024-03-09 09:01:00', NULL);
INSERT INTO public.payments VALUES (57, 3, 13, 60, NULL, 78.57, 'completed', '2024-04-09 15:57:00', NULL);
INSERT INTO public.payments VALUES (58, 3, 14, 62, NULL, 157.13, 'completed', '2024-01-09 11:53:00', NULL);
INSERT INTO public.payments VALUES (59, 3, 14, 63, NULL, 47.40, 'completed', '2024-02-07 08:00:00', NULL);
INSERT INTO public.payments VALUES (60, 3, 14, 63, NULL, 94.79, 'completed', '2024-02-21 17:59:00', NULL);
INSERT INTO public.payments VALUES (61, 3, 14, 64, NULL, 120.89, 'completed', '2024-03-09 17:29:00', NULL);
INSERT INTO public.payments VALUES (62, 3, 14, 65, NULL, 151.44, 'completed', '2024-04-09 12:24:00', NULL);
INSERT INTO public.payments VALUES (63, 3, 15, 66, NULL, 33.96, 'completed', '2024-01-09 14:36:00', NULL);
INSERT INTO public.payments VALUES (64, 3, 15, 67, NULL, 159.67, 'completed', '2024-02-09 15:07:00', NULL);
INSERT INTO public.payments VALUES (65, 3, 15, NULL, NULL, 41.01, 'completed', '2024-03-09 09:21:00', NULL);
INSERT INTO public.payments VALUES (66, 3, 15, NULL, NULL, 40.73, 'completed', '2024-04-09 11:53:00', NULL);
INSERT INTO public.payments VALUES (67, 3, 16, 70, NULL, 91.38, 'completed', '2024-03-27 16:18:00', NULL);
INSERT INTO public.payments VALUES (68, 3, 16, NULL, NULL, 104.03, 'completed', '2024-04-09 11:23:00', NULL);
INSERT INTO public.payments VALUES (69, 3, 17, NULL, NULL, 181.11, 'completed', '2024-01-09 09:51:00', NULL);
INSERT INTO public.payments VALUES (70, 3, 17, 73, NULL, 72.06, 'completed', '2024-02-09 14:06:00', NULL);
INSERT INTO public.payments VALUES (71, 3, 17, 74, NULL, 159.78, 'completed', '2024-03-09 16:18:00', NULL);
INSERT INTO public.payments VALUES (72, 3, 17, 75, NULL, 40.26, 'completed', '2024-04-07 14:06:00', NULL);
INSERT INTO public.payments VALUES (73, 3, 17, 75, NULL, 80.51, 'completed', '2024-04-21 09:11:00', NULL);
INSERT INTO public.payments VALUES (74, 3, 18, 76, NULL, 254.11, 'completed', '2024-01-09 09:31:00', NULL);
INSERT INTO public.payments VALUES (75, 3, 18, 77, NULL, 49.47, 'completed', '2024-02-14 15:27:00', NULL);
INSERT INTO public.payments VALUES (76, 3, 18, 78, NULL, 194.38, 'completed', '2024-03-09 16:58:00', NULL);
INSERT INTO public.payments VALUES (1, 1, 1, 1, 1, 36.75, 'completed', '2024-01-14 13:15:00', NULL);
INSERT INTO public.payments VALUES (2, 1, 1, 2, 1, 100.89, 'completed', '2024-02-09 17:09:00', NULL);
INSERT INTO public.payments VALUES (3, 1, 1, 3, 1, 35.87, 'failed', '2024-03-05 15:47:00', NULL);
INSERT INTO public.payments VALUES (4, 1, 1, 3, 1, 35.87, 'completed', '2024-03-09 15:47:00', NULL);
INSERT INTO public.payments VALUES (5, 1, 2, 6, 2, 119.83, 'completed', '2024-02-27 11:43:00', NULL);
INSERT INTO public.payments VALUES (6, 1, 2, 7, 2, 51.82, 'completed', '2024-03-09 10:22:00', NULL);
INSERT INTO public.payments VALUES (7, 1, 2, 8, 2, 27.77, 'completed', '2024-04-14 15:17:00', NULL);
INSERT INTO public.payments VALUES (8, 1, 3, 9, 3, 73.27, 'completed', '2024-01-09 15:07:00', NULL);
INSERT INTO public.payments VALUES (9, 1, 3, 10, 3, 80.98, 'reversed', '2024-02-05 16:58:00', NULL);
INSERT INTO public.payments VALUES (10, 1, 3, 10, 3, 80.98, 'completed', '2024-02-09 16:58:00', NULL);
INSERT INTO public.payments VALUES (11, 1, 3, 12, 3, 42.64, 'completed', '2024-04-07 12:04:00', NULL);
INSERT INTO public.payments VALUES (12, 1, 3, 12, 3, 85.26, 'completed', '2024-04-21 14:06:00', NULL);
INSERT INTO public.payments VALUES (13, 2, 4, NULL, 4, 51.69, 'completed', '2024-01-09 17:09:00', NULL);
INSERT INTO public.payments VALUES (14, 2, 4, 14, 4, 68.83, 'completed', '2024-02-09 11:43:00', NULL);
INSERT INTO public.payments VALUES (15, 2, 4, 15, 4, 53.17, 'completed', '2024-03-09 15:37:00', NULL);
INSERT INTO public.payments VALUES (16, 2, 4, NULL, 4, 70.09, 'completed', '2024-04-09 17:49:00', NULL);
INSERT INTO public.payments VALUES (17, 2, 5, 17, 5, 31.02, 'completed', '2024-01-09 10:42:00', NULL);
INSERT INTO public.payments VALUES (18, 2, 5, 18, 5, 79.46, 'completed', '2024-02-09 14:26:00', NULL);
INSERT INTO public.payments VALUES (19, 2, 5, NULL, 5, 60.22, 'completed', '2024-03-09 10:22:00', NULL);
INSERT INTO public.payments VALUES (20, 2, 5, 20, 5, 49.30, 'completed', '2024-04-09 08:10:00', NULL);
INSERT INTO public.payments VALUES (21, 2, 6, 21, 6, 53.72, 'completed', '2024-01-09 10:32:00', NULL);
INSERT INTO public.payments VALUES (22, 2, 6, 22, 6, 58.27, 'completed', '2024-02-09 15:07:00', NULL);
INSERT INTO public.payments VALUES (23, 2, 6, NULL, 6, 23.42, 'completed', '2024-03-09 10:02:00', NULL);
INSERT INTO public.payments VALUES (24, 2, 6, 24, 6, 25.52, 'completed', '2024-04-09 10:32:00', NULL);
INSERT INTO public.payments VALUES (25, 2, 7, 25, 7, 33.04, 'completed', '2024-01-09 12:04:00', NULL);
INSERT INTO public.payments VALUES (26, 2, 7, 26, 8, 57.91, 'completed', '2024-01-09 09:31:00', NULL);
INSERT INTO public.payments VALUES (41, 3, 10, 41, 12, 146.32, 'completed', '2024-01-09 10:52:00', NULL);
INSERT INTO public.payments VALUES (42, 3, 10, 42, 12, 125.84, 'completed', '2024-02-09 12:44:00', NULL);
INSERT INTO public.payments VALUES (43, 3, 10, 43, 12, 116.25, 'completed', '2024-03-09 13:45:00', NULL);
INSERT INTO public.payments VALUES (44, 3, 10, 44, 12, 67.66, 'completed', '2024-04-09 14:46:00', NULL);
INSERT INTO public.payments VALUES (45, 3, 11, 45, 13, 91.27, 'completed', '2024-01-09 15:07:00', NULL);
INSERT INTO public.payments VALUES (46, 3, 11, 46, 13, 76.91, 'completed', '2024-02-09 09:11:00', NULL);
INSERT INTO public.payments VALUES (27, 2, 7, 27, 7, 56.14, 'completed', '2024-02-09 12:34:00', NULL);
INSERT INTO public.payments VALUES (28, 2, 7, 28, 8, 11.86, 'completed', '2024-02-07 14:46:00', NULL);
INSERT INTO public.payments VALUES (29, 2, 7, 28, 8, 23.71, 'completed', '2024-02-21 09:31:00', NULL);
INSERT INTO public.payments VALUES (30, 2, 7, 29, 7, 58.38, 'completed', '2024-03-09 16:18:00', NULL);
INSERT INTO public.payments VALUES (31, 2, 7, 30, 8, 32.28, 'completed', '2024-03-14 16:48:00', NULL);
INSERT INTO public.payments VALUES (32, 2, 7, 31, 7, 21.26, 'completed', '2024-04-09 14:26:00', NULL);
INSERT INTO public.payments VALUES (33, 2, 7, 32, 8, 122.54, 'completed', '2024-04-09 12:14:00', NULL);
INSERT INTO public.payments VALUES (34, 2, 8, 33, 9, 60.08, 'completed', '2024-01-09 16:08:00', NULL);
INSERT INTO public.payments VALUES (35, 2, 8, 34, 9, 31.68, 'completed', '2024-02-09 16:48:00', NULL);
INSERT INTO public.payments VALUES (36, 2, 8, NULL, 9, 68.73, 'completed', '2024-03-09 11:33:00', NULL);
INSERT INTO public.payments VALUES (37, 2, 8, 36, 9, 42.61, 'completed', '2024-04-09 09:01:00', NULL);
INSERT INTO public.payments VALUES (38, 2, 9, 37, 10, 80.83, 'completed', '2024-01-09 11:43:00', NULL);
INSERT INTO public.payments VALUES (39, 2, 9, 38, 10, 51.37, 'completed', '2024-02-09 15:37:00', NULL);
INSERT INTO public.payments VALUES (40, 2, 9, 40, 11, 101.89, 'completed', '2024-04-09 17:49:00', NULL);
INSERT INTO public.payments VALUES (77, 2, 19, NULL, 22, 40.00, 'completed', '2024-01-09 09:30:00', NULL);
INSERT INTO public.tenants VALUES (1, 'Willowmere Water');
INSERT INTO public.tenants VALUES (2, 'Stonebrook Water');
INSERT INTO public.tenants VALUES (3, 'Hilltop Power');
SELECT pg_catalog.setval('public.bills_id_seq', 1, false);
SELECT pg_catalog.setval('public.customers_id_seq', 1, false);
SELECT pg_catalog.setval('public.invoice_bills_id_seq', 1, false);
SELECT pg_catalog.setval('public.invoices_id_seq', 1, false);
SELECT pg_catalog.setval('public.meter_assignments_id_seq', 1, false);
SELECT pg_catalog.setval('public.meter_migration_runs_id_seq', 21, true);
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
ALTER TABLE ONLY public.meter_migration_customer_balances
    ADD CONSTRAINT meter_migration_customer_balances_pkey PRIMARY KEY (step_run_id, customer_id);
ALTER TABLE ONLY public.meter_migration_invoice_amounts
    ADD CONSTRAINT meter_migration_invoice_amounts_pkey PRIMARY KEY (step_run_id, invoice_id);
ALTER TABLE ONLY public.meter_migration_meter_balances
    ADD CONSTRAINT meter_migration_meter_balances_pkey PRIMARY KEY (step_run_id, meter_id);
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
