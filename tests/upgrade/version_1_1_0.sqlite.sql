BEGIN TRANSACTION;
CREATE TABLE bills (
	id INTEGER NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	bill_type VARCHAR(120), 
	deleted_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "bills" VALUES(1,1,'WATER',NULL);
INSERT INTO "bills" VALUES(2,1,'SEWERAGE',NULL);
INSERT INTO "bills" VALUES(3,1,'METER_RENT',NULL);
INSERT INTO "bills" VALUES(4,1,'BALANCE',NULL);
INSERT INTO "bills" VALUES(5,2,'WATER',NULL);
INSERT INTO "bills" VALUES(6,2,'SEWERAGE',NULL);
INSERT INTO "bills" VALUES(7,2,'METER_RENT',NULL);
INSERT INTO "bills" VALUES(8,2,'BALANCE',NULL);
INSERT INTO "bills" VALUES(9,3,'ENERGY',NULL);
INSERT INTO "bills" VALUES(10,3,'STANDING_CHARGE',NULL);
INSERT INTO "bills" VALUES(11,3,'BALANCE',NULL);
INSERT INTO "bills" VALUES(12,4,'WATER',NULL);
INSERT INTO "bills" VALUES(13,4,'SEWERAGE',NULL);
INSERT INTO "bills" VALUES(14,4,'METER_RENT',NULL);
INSERT INTO "bills" VALUES(15,4,'BALANCE',NULL);
CREATE TABLE customer_balances_backup (
	tenant_id INTEGER NOT NULL, 
	customer_id INTEGER NOT NULL, 
	balance NUMERIC, 
	overpayment NUMERIC, 
	backed_up_at DATETIME NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (tenant_id, customer_id)
);
INSERT INTO "customer_balances_backup" VALUES(1,1,0,0,'2026-11-26 19:37:40.073434','513e660a-f849-49df-9c5a-b74e487c951f');
INSERT INTO "customer_balances_backup" VALUES(1,15,0,40,'2026-11-26 19:37:40.073434','513e660a-f849-49df-9c5a-b74e487c951f');
INSERT INTO "customer_balances_backup" VALUES(3,5,0,0,'2026-11-26 19:37:55.140448','05531a34-fec9-4d05-ab4f-454664b834f4');
INSERT INTO "customer_balances_backup" VALUES(3,6,0,0,'2026-11-26 19:37:55.140448','05531a34-fec9-4d05-ab4f-454664b834f4');
INSERT INTO "customer_balances_backup" VALUES(3,7,0,0,'2026-11-26 19:37:55.140448','05531a34-fec9-4d05-ab4f-454664b834f4');
INSERT INTO "customer_balances_backup" VALUES(3,8,116.8,0,'2026-11-26 19:37:55.140448','05531a34-fec9-4d05-ab4f-454664b834f4');
INSERT INTO "customer_balances_backup" VALUES(4,9,0,0,'2026-11-26 19:37:59.802187','795d1ef7-eed9-41bc-8a98-2f605fe007ad');
INSERT INTO "customer_balances_backup" VALUES(4,10,47.03,0,'2026-11-26 19:37:59.802187','795d1ef7-eed9-41bc-8a98-2f605fe007ad');
INSERT INTO "customer_balances_backup" VALUES(4,11,0,0,'2026-11-26 19:37:59.802187','795d1ef7-eed9-41bc-8a98-2f605fe007ad');
INSERT INTO "customer_balances_backup" VALUES(4,12,0,0,'2026-11-26 19:37:59.802187','795d1ef7-eed9-41bc-8a98-2f605fe007ad');
INSERT INTO "customer_balances_backup" VALUES(4,13,20.65,0,'2026-11-26 19:37:59.802187','795d1ef7-eed9-41bc-8a98-2f605fe007ad');
INSERT INTO "customer_balances_backup" VALUES(4,14,0,0,'2026-11-26 19:37:59.802187','795d1ef7-eed9-41bc-8a98-2f605fe007ad');
CREATE TABLE customers (
	id INTEGER NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	name VARCHAR(120), 
	balance NUMERIC(14, 2), 
	overpayment NUMERIC(14, 2), 
	deleted_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "customers" VALUES(1,1,'Chidi Juarez',0,0,NULL);
INSERT INTO "customers" VALUES(2,2,'Kemi Dube',0,42.02,NULL);
INSERT INTO "customers" VALUES(3,2,'Greta Ibsen',0,0,NULL);
INSERT INTO "customers" VALUES(4,2,'Hana Abara',0,0,NULL);
INSERT INTO "customers" VALUES(5,3,'Lena Ibsen',0,0,NULL);
INSERT INTO "customers" VALUES(6,3,'Chidi Ibsen',0,0,NULL);
INSERT INTO "customers" VALUES(7,3,'Chidi Kamau',0,0,NULL);
INSERT INTO "customers" VALUES(8,3,'Chidi Haddad',116.8,0,NULL);
INSERT INTO "customers" VALUES(9,4,'Dara Juarez',0,0,NULL);
INSERT INTO "customers" VALUES(10,4,'Ivo Farkas',47.03,0,NULL);
INSERT INTO "customers" VALUES(11,4,'Lena Haddad',0,0,NULL);
INSERT INTO "customers" VALUES(12,4,'Elif Abara',0,0,NULL);
INSERT INTO "customers" VALUES(13,4,'Musa Ibsen',20.65,0,NULL);
INSERT INTO "customers" VALUES(14,4,'Elif Dube',0,0,NULL);
INSERT INTO "customers" VALUES(15,1,'Bela Dube',0,40,NULL);
CREATE TABLE invoice_bills (
	id INTEGER NOT NULL, 
	invoice_id INTEGER, 
	bill_id INTEGER, 
	amount NUMERIC(14, 2), 
	tenant_id INTEGER, 
	deleted_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "invoice_bills" VALUES(1,1,1,49.58,1,NULL);
INSERT INTO "invoice_bills" VALUES(2,1,2,21.41,1,NULL);
INSERT INTO "invoice_bills" VALUES(3,1,3,2.5,1,NULL);
INSERT INTO "invoice_bills" VALUES(4,2,1,40.93,1,NULL);
INSERT INTO "invoice_bills" VALUES(5,2,2,20.72,1,NULL);
INSERT INTO "invoice_bills" VALUES(6,2,3,2.5,1,NULL);
INSERT INTO "invoice_bills" VALUES(7,2,4,36.74,1,NULL);
INSERT INTO "invoice_bills" VALUES(8,3,1,17.37,1,NULL);
INSERT INTO "invoice_bills" VALUES(9,3,2,16,1,NULL);
INSERT INTO "invoice_bills" VALUES(10,3,3,2.5,1,NULL);
INSERT INTO "invoice_bills" VALUES(11,4,5,71.56,2,NULL);
INSERT INTO "invoice_bills" VALUES(12,4,6,20.93,2,NULL);
INSERT INTO "invoice_bills" VALUES(13,4,7,2.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(14,5,5,32.73,2,NULL);
INSERT INTO "invoice_bills" VALUES(15,5,6,3.88,2,NULL);
INSERT INTO "invoice_bills" VALUES(16,5,7,2.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(17,6,5,68.28,2,NULL);
INSERT INTO "invoice_bills" VALUES(18,6,6,15.14,2,NULL);
INSERT INTO "invoice_bills" VALUES(19,6,7,2.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(20,7,5,57.13,2,NULL);
INSERT INTO "invoice_bills" VALUES(21,7,6,23.45,2,NULL);
INSERT INTO "invoice_bills" VALUES(22,7,7,2.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(23,8,5,42.94,2,NULL);
INSERT INTO "invoice_bills" VALUES(24,8,6,10.08,2,NULL);
INSERT INTO "invoice_bills" VALUES(25,8,7,2.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(26,9,5,44.95,2,NULL);
INSERT INTO "invoice_bills" VALUES(27,9,6,23.82,2,NULL);
INSERT INTO "invoice_bills" VALUES(28,9,7,2.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(29,9,8,27.75,2,NULL);
INSERT INTO "invoice_bills" VALUES(30,10,5,59.36,2,NULL);
INSERT INTO "invoice_bills" VALUES(31,10,6,19.12,2,NULL);
INSERT INTO "invoice_bills" VALUES(32,10,7,2.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(33,11,5,53.91,2,NULL);
INSERT INTO "invoice_bills" VALUES(34,11,6,12.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(35,11,7,2.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(36,12,5,31.05,2,NULL);
INSERT INTO "invoice_bills" VALUES(37,12,6,25.44,2,NULL);
INSERT INTO "invoice_bills" VALUES(38,12,7,2.5,2,NULL);
INSERT INTO "invoice_bills" VALUES(39,12,8,68.91,2,NULL);
INSERT INTO "invoice_bills" VALUES(40,13,9,84.81,3,NULL);
INSERT INTO "invoice_bills" VALUES(41,13,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(42,14,9,82.73,3,NULL);
INSERT INTO "invoice_bills" VALUES(43,14,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(44,15,9,115.34,3,NULL);
INSERT INTO "invoice_bills" VALUES(45,15,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(46,16,9,145.59,3,NULL);
INSERT INTO "invoice_bills" VALUES(47,16,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(48,17,9,89.21,3,NULL);
INSERT INTO "invoice_bills" VALUES(49,17,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(50,17,11,157.89,3,NULL);
INSERT INTO "invoice_bills" VALUES(51,18,9,45.24,3,NULL);
INSERT INTO "invoice_bills" VALUES(52,18,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(53,19,9,67.75,3,NULL);
INSERT INTO "invoice_bills" VALUES(54,19,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(55,20,9,45.8,3,NULL);
INSERT INTO "invoice_bills" VALUES(56,20,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(57,21,9,85.72,3,NULL);
INSERT INTO "invoice_bills" VALUES(58,21,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(59,22,9,118.34,3,NULL);
INSERT INTO "invoice_bills" VALUES(60,22,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(61,23,9,109.34,3,NULL);
INSERT INTO "invoice_bills" VALUES(62,23,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(63,24,9,35.59,3,NULL);
INSERT INTO "invoice_bills" VALUES(64,24,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(65,25,9,63.8,3,NULL);
INSERT INTO "invoice_bills" VALUES(66,25,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(67,26,9,160,3,NULL);
INSERT INTO "invoice_bills" VALUES(68,26,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(69,27,9,111.76,3,NULL);
INSERT INTO "invoice_bills" VALUES(70,27,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(71,28,9,157.17,3,NULL);
INSERT INTO "invoice_bills" VALUES(72,28,10,12.3,3,NULL);
INSERT INTO "invoice_bills" VALUES(73,29,12,17.55,4,NULL);
INSERT INTO "invoice_bills" VALUES(74,29,13,18.97,4,NULL);
INSERT INTO "invoice_bills" VALUES(75,29,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(76,30,12,32.04,4,NULL);
INSERT INTO "invoice_bills" VALUES(77,30,13,3.74,4,NULL);
INSERT INTO "invoice_bills" VALUES(78,30,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(79,31,12,36.77,4,NULL);
INSERT INTO "invoice_bills" VALUES(80,31,13,20.58,4,NULL);
INSERT INTO "invoice_bills" VALUES(81,31,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(82,32,12,71.91,4,NULL);
INSERT INTO "invoice_bills" VALUES(83,32,13,24.81,4,NULL);
INSERT INTO "invoice_bills" VALUES(84,32,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(85,33,12,53.09,4,NULL);
INSERT INTO "invoice_bills" VALUES(86,33,13,11.72,4,NULL);
INSERT INTO "invoice_bills" VALUES(87,33,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(88,34,12,36.87,4,NULL);
INSERT INTO "invoice_bills" VALUES(89,34,13,7.66,4,NULL);
INSERT INTO "invoice_bills" VALUES(90,34,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(91,35,12,12.2,4,NULL);
INSERT INTO "invoice_bills" VALUES(92,35,13,19.65,4,NULL);
INSERT INTO "invoice_bills" VALUES(93,35,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(94,36,12,18.39,4,NULL);
INSERT INTO "invoice_bills" VALUES(95,36,13,18.48,4,NULL);
INSERT INTO "invoice_bills" VALUES(96,36,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(97,36,15,34.35,4,NULL);
INSERT INTO "invoice_bills" VALUES(98,37,12,33.21,4,NULL);
INSERT INTO "invoice_bills" VALUES(99,37,13,24.88,4,NULL);
INSERT INTO "invoice_bills" VALUES(100,37,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(101,38,12,73.7,4,NULL);
INSERT INTO "invoice_bills" VALUES(102,38,13,4.63,4,NULL);
INSERT INTO "invoice_bills" VALUES(103,38,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(104,39,12,18.46,4,NULL);
INSERT INTO "invoice_bills" VALUES(105,39,13,21.46,4,NULL);
INSERT INTO "invoice_bills" VALUES(106,39,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(107,40,12,44.64,4,NULL);
INSERT INTO "invoice_bills" VALUES(108,40,13,18.49,4,NULL);
INSERT INTO "invoice_bills" VALUES(109,40,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(110,41,12,26,4,NULL);
INSERT INTO "invoice_bills" VALUES(111,41,13,16,4,NULL);
INSERT INTO "invoice_bills" VALUES(112,41,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(113,42,12,68.51,4,NULL);
INSERT INTO "invoice_bills" VALUES(114,42,13,16.11,4,NULL);
INSERT INTO "invoice_bills" VALUES(115,42,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(116,43,12,34.99,4,NULL);
INSERT INTO "invoice_bills" VALUES(117,43,13,21.67,4,NULL);
INSERT INTO "invoice_bills" VALUES(118,43,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(119,44,12,24,4,NULL);
INSERT INTO "invoice_bills" VALUES(120,44,13,25.18,4,NULL);
INSERT INTO "invoice_bills" VALUES(121,44,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(122,45,12,70.7,4,NULL);
INSERT INTO "invoice_bills" VALUES(123,45,13,21.34,4,NULL);
INSERT INTO "invoice_bills" VALUES(124,45,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(125,46,12,34.13,4,NULL);
INSERT INTO "invoice_bills" VALUES(126,46,13,4.68,4,NULL);
INSERT INTO "invoice_bills" VALUES(127,46,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(128,47,12,56.43,4,NULL);
INSERT INTO "invoice_bills" VALUES(129,47,13,6.77,4,NULL);
INSERT INTO "invoice_bills" VALUES(130,47,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(131,48,12,41.91,4,NULL);
INSERT INTO "invoice_bills" VALUES(132,48,13,5.96,4,NULL);
INSERT INTO "invoice_bills" VALUES(133,48,14,2.5,4,NULL);
INSERT INTO "invoice_bills" VALUES(134,49,12,32.82,4,NULL);
INSERT INTO "invoice_bills" VALUES(135,49,13,17.71,4,NULL);
INSERT INTO "invoice_bills" VALUES(136,49,14,2.5,4,NULL);
CREATE TABLE invoices (
	id INTEGER NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	customer_id INTEGER, 
	meter_id INTEGER, 
	invoice_number VARCHAR(120), 
	invoice_date DATE, 
	amount NUMERIC(14, 2), 
	balance_brought_forward NUMERIC(14, 2), 
	total_amount NUMERIC(14, 2), 
	status VARCHAR(120), 
	deleted_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "invoices" VALUES(1,1,1,1,'INV-01-0000001','2024-01-01',73.49,0,73.49,'carried_forward',NULL);
INSERT INTO "invoices" VALUES(2,1,1,1,'INV-01-0000002','2024-02-01',64.15,36.74,100.89,'paid',NULL);
INSERT INTO "invoices" VALUES(3,1,1,1,'INV-01-0000003','2024-03-01',35.87,0,35.87,'paid',NULL);
INSERT INTO "invoices" VALUES(4,2,2,2,'INV-02-0000004','2024-01-01',94.99,0,94.99,'paid',NULL);
INSERT INTO "invoices" VALUES(5,2,2,2,'INV-02-0000005','2024-02-01',39.11,0,39.11,'paid',NULL);
INSERT INTO "invoices" VALUES(6,2,2,2,'INV-02-0000006','2024-03-01',85.92,0,85.92,'paid',NULL);
INSERT INTO "invoices" VALUES(7,2,3,3,'INV-02-0000007','2024-01-01',83.08,0,83.08,'paid',NULL);
INSERT INTO "invoices" VALUES(8,2,3,3,'INV-02-0000008','2024-02-01',55.52,0,55.52,'carried_forward',NULL);
INSERT INTO "invoices" VALUES(9,2,3,3,'INV-02-0000009','2024-03-01',71.27,27.75,99.02,'paid',NULL);
INSERT INTO "invoices" VALUES(10,2,4,4,'INV-02-0000010','2024-01-01',80.98,0,80.98,'paid',NULL);
INSERT INTO "invoices" VALUES(11,2,4,4,'INV-02-0000011','2024-02-01',68.91,0,68.91,'carried_forward',NULL);
INSERT INTO "invoices" VALUES(12,2,4,4,'INV-02-0000012','2024-03-01',58.99,68.91,127.9,'paid',NULL);
INSERT INTO "invoices" VALUES(13,3,5,5,'INV-03-0000013','2024-01-01',97.11,0,97.11,'paid',NULL);
INSERT INTO "invoices" VALUES(14,3,5,5,'INV-03-0000014','2024-02-01',95.03,0,95.03,'paid',NULL);
INSERT INTO "invoices" VALUES(15,3,5,5,'INV-03-0000015','2024-03-01',127.64,0,127.64,'paid',NULL);
INSERT INTO "invoices" VALUES(16,3,6,6,'INV-03-0000016','2024-01-01',157.89,0,157.89,'carried_forward',NULL);
INSERT INTO "invoices" VALUES(17,3,6,6,'INV-03-0000017','2024-02-01',101.51,157.89,259.4,'paid',NULL);
INSERT INTO "invoices" VALUES(18,3,6,6,'INV-03-0000018','2024-03-01',57.54,0,57.54,'paid',NULL);
INSERT INTO "invoices" VALUES(19,3,7,7,'INV-03-0000019','2024-01-01',80.05,0,80.05,'paid',NULL);
INSERT INTO "invoices" VALUES(20,3,7,7,'INV-03-0000020','2024-02-01',58.1,0,58.1,'paid',NULL);
INSERT INTO "invoices" VALUES(21,3,7,7,'INV-03-0000021','2024-03-01',98.02,0,98.02,'paid',NULL);
INSERT INTO "invoices" VALUES(22,3,8,8,'INV-03-0000022','2024-01-01',130.64,0,130.64,'paid',NULL);
INSERT INTO "invoices" VALUES(23,3,8,9,'INV-03-0000023','2024-01-01',121.64,0,121.64,'paid',NULL);
INSERT INTO "invoices" VALUES(24,3,8,8,'INV-03-0000024','2024-02-01',47.89,0,47.89,'paid',NULL);
INSERT INTO "invoices" VALUES(25,3,8,9,'INV-03-0000025','2024-02-01',76.1,0,76.1,'paid',NULL);
INSERT INTO "invoices" VALUES(26,3,8,8,'INV-03-0000026','2024-03-01',172.3,0,172.3,'cancelled',NULL);
INSERT INTO "invoices" VALUES(27,3,8,8,'INV-03-0000027','2024-03-01',124.06,0,124.06,'open',NULL);
INSERT INTO "invoices" VALUES(28,3,8,9,'INV-03-0000028','2024-03-01',169.47,0,169.47,'paid',NULL);
INSERT INTO "invoices" VALUES(29,4,9,10,'INV-04-0000029','2024-01-01',39.02,0,39.02,'paid',NULL);
INSERT INTO "invoices" VALUES(30,4,9,10,'INV-04-0000030','2024-02-01',38.28,0,38.28,'paid',NULL);
INSERT INTO "invoices" VALUES(31,4,9,10,'INV-04-0000031','2024-03-01',59.85,0,59.85,'paid',NULL);
INSERT INTO "invoices" VALUES(32,4,10,11,'INV-04-0000032','2024-01-01',99.22,0,99.22,'paid',NULL);
INSERT INTO "invoices" VALUES(33,4,10,11,'INV-04-0000033','2024-02-01',67.31,0,67.31,'paid',NULL);
INSERT INTO "invoices" VALUES(34,4,10,11,'INV-04-0000034','2024-03-01',47.03,0,47.03,'open',NULL);
INSERT INTO "invoices" VALUES(35,4,11,12,'INV-04-0000035','2024-01-01',34.35,0,34.35,'carried_forward',NULL);
INSERT INTO "invoices" VALUES(36,4,11,12,'INV-04-0000036','2024-02-01',39.37,34.35,73.72,'paid',NULL);
INSERT INTO "invoices" VALUES(37,4,11,12,'INV-04-0000037','2024-03-01',60.59,0,60.59,'paid',NULL);
INSERT INTO "invoices" VALUES(38,4,12,13,'INV-04-0000038','2024-01-01',80.83,0,80.83,'paid',NULL);
INSERT INTO "invoices" VALUES(39,4,12,14,'INV-04-0000039','2024-01-01',42.42,0,42.42,'paid',NULL);
INSERT INTO "invoices" VALUES(40,4,12,13,'INV-04-0000040','2024-02-01',65.63,0,65.63,'paid',NULL);
INSERT INTO "invoices" VALUES(41,4,12,14,'INV-04-0000041','2024-02-01',44.5,0,44.5,'paid',NULL);
INSERT INTO "invoices" VALUES(42,4,12,13,'INV-04-0000042','2024-03-01',87.12,0,87.12,'paid',NULL);
INSERT INTO "invoices" VALUES(43,4,12,14,'INV-04-0000043','2024-03-01',59.16,0,59.16,'paid',NULL);
INSERT INTO "invoices" VALUES(44,4,13,15,'INV-04-0000044','2024-01-01',51.68,0,51.68,'paid',NULL);
INSERT INTO "invoices" VALUES(45,4,13,15,'INV-04-0000045','2024-02-01',94.54,0,94.54,'paid',NULL);
INSERT INTO "invoices" VALUES(46,4,13,15,'INV-04-0000046','2024-03-01',41.31,0,41.31,'open',NULL);
INSERT INTO "invoices" VALUES(47,4,14,16,'INV-04-0000047','2024-01-01',65.7,0,65.7,'paid',NULL);
INSERT INTO "invoices" VALUES(48,4,14,17,'INV-04-0000048','2024-02-01',50.37,0,50.37,'paid',NULL);
INSERT INTO "invoices" VALUES(49,4,14,17,'INV-04-0000049','2024-03-01',53.03,0,53.03,'paid',NULL);
CREATE TABLE meter_assignments (
	id INTEGER NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	customer_id INTEGER, 
	meter_id INTEGER, 
	is_active BOOLEAN, 
	deleted_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "meter_assignments" VALUES(1,1,1,1,1,NULL);
INSERT INTO "meter_assignments" VALUES(2,2,2,2,1,NULL);
INSERT INTO "meter_assignments" VALUES(3,2,3,3,1,NULL);
INSERT INTO "meter_assignments" VALUES(4,2,4,4,1,NULL);
INSERT INTO "meter_assignments" VALUES(5,3,5,5,1,NULL);
INSERT INTO "meter_assignments" VALUES(6,3,6,6,1,NULL);
INSERT INTO "meter_assignments" VALUES(7,3,7,7,1,NULL);
INSERT INTO "meter_assignments" VALUES(8,3,8,8,1,NULL);
INSERT INTO "meter_assignments" VALUES(9,3,8,9,1,NULL);
INSERT INTO "meter_assignments" VALUES(10,4,9,10,1,NULL);
INSERT INTO "meter_assignments" VALUES(11,4,10,11,1,NULL);
INSERT INTO "meter_assignments" VALUES(12,4,11,12,1,NULL);
INSERT INTO "meter_assignments" VALUES(13,4,12,13,1,NULL);
INSERT INTO "meter_assignments" VALUES(14,4,12,14,1,NULL);
INSERT INTO "meter_assignments" VALUES(15,4,13,15,1,NULL);
INSERT INTO "meter_assignments" VALUES(16,4,14,16,0,NULL);
INSERT INTO "meter_assignments" VALUES(17,4,14,17,1,NULL);
INSERT INTO "meter_assignments" VALUES(18,1,15,18,1,NULL);
INSERT INTO "meter_assignments" VALUES(19,1,15,19,1,NULL);
CREATE TABLE meter_migration_commits (
	step_run_id INTEGER NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	part INTEGER NOT NULL, 
	rows_changed INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	above_id VARCHAR(255), 
	up_to_id VARCHAR(255), 
	PRIMARY KEY (step_run_id, part)
);
INSERT INTO "meter_migration_commits" VALUES(1,1,0,2,'12365b8bbf2cbcada24dc752b4a0fd178bb90faaab4710725945708ff35c01bf',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(3,1,0,5,'6bc88550692ca7a205bdc047f021d423da9751fb716d2b8379e4d7dd2cde725f',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(4,1,0,3,'34c10c8889c31c9214f5c6e8e7e96689dceee50c6f15eba1a1fc54b27bf4d30b',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(5,2,0,10,'1849296bc50434afcf59b6b8630be23be8aec4f0811b1ca9bd1f559c1b4484e4',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(6,2,0,3,'ffc8a4a0f163d18ab9075b0cc1f71595c1aa3fe82789a031132d4f2c1cbec0d3',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(9,2,0,3,'d373677a62a9c89e3230f02b80dbda258cf0aa6180edb369c1f2ecba53e4c944',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(10,2,0,3,'fd76d07eeace4bed351dba1be4f8be167abb4015e4e6160db9c03d0a71b36d07',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(11,2,0,3,'c2df7c0ace66e47f8b67336c5a84120787ff07d143f1c765adcb493cd9369efc',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(12,3,0,4,'61e8f92d9a2b6fd7ddd00ceb2eca96102413a8de28844496208fcf4e11466d9d',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(14,3,0,5,'330071e6ff87d34456dbd2dd09704db2b2a6a81ac6412db0cbaec8ecaebf1227',NULL,'19');
INSERT INTO "meter_migration_commits" VALUES(14,3,1,5,'926c268453e370e1cdca71cd4a48774049eeb2ffc1ee0e09c9b5cb47c358a119','19','24');
INSERT INTO "meter_migration_commits" VALUES(14,3,2,4,'9620f80844cdcd261a0499b4cf935a026f4367cac130638ad439f7ba49eab083','24','28');
INSERT INTO "meter_migration_commits" VALUES(15,3,0,5,'eb1f334cf4e8851e330ec4eb922eb40ba61dabf22f1eae2b3bac15dc152a13aa',NULL,'9');
INSERT INTO "meter_migration_commits" VALUES(16,4,0,6,'17dd161dc3bd15275e84ebd86918b260704d34cabdd82147e07052e670385d24',NULL,NULL);
INSERT INTO "meter_migration_commits" VALUES(18,4,0,20,'5afa08a7a2892832d5d311cbbf84eb2aa0a54b8473d461509f8f5e708a539ff4',NULL,NULL);
CREATE TABLE meter_migration_customer_balances (
	step_run_id INTEGER NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	customer_id INTEGER NOT NULL, 
	balance_before BLOB, 
	balance_after BLOB, 
	overpayment_before BLOB, 
	overpayment_after BLOB, 
	rule VARCHAR(64) NOT NULL, 
	PRIMARY KEY (step_run_id, customer_id)
);
CREATE TABLE meter_migration_invoice_amounts (
	step_run_id INTEGER NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	invoice_id INTEGER NOT NULL, 
	amount_before BLOB, 
	amount_after BLOB, 
	balance_brought_forward_before BLOB, 
	balance_brought_forward_after BLOB, 
	total_amount_before BLOB, 
	total_amount_after BLOB, 
	rule VARCHAR(64) NOT NULL, 
	PRIMARY KEY (step_run_id, invoice_id)
);
CREATE TABLE meter_migration_meter_balances (
	step_run_id INTEGER NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	meter_id INTEGER NOT NULL, 
	balance_before BLOB, 
	balance_after BLOB, 
	overpayment_before BLOB, 
	overpayment_after BLOB, 
	total_billed_before BLOB, 
	total_billed_after BLOB, 
	total_paid_before BLOB, 
	total_paid_after BLOB, 
	last_invoice_date_before BLOB, 
	last_invoice_date_after BLOB, 
	rule VARCHAR(64) NOT NULL, 
	PRIMARY KEY (step_run_id, meter_id)
);
INSERT INTO "meter_migration_meter_balances" VALUES(4,'513e660a-f849-49df-9c5a-b74e487c951f',1,1,NULL,0.0,NULL,0.0,NULL,173.51,NULL,173.51,NULL,'2024-03-01','charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(4,'513e660a-f849-49df-9c5a-b74e487c951f',1,18,0,0.0,0,40.0,NULL,0.0,NULL,40.0,NULL,NULL,'charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(4,'513e660a-f849-49df-9c5a-b74e487c951f',1,19,0,0.0,0,0.0,NULL,0.0,NULL,0.0,NULL,NULL,'charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(9,'768926cb-880f-4103-8a40-f47fdb3196ae',2,2,NULL,0.0,NULL,42.02,NULL,220.02,NULL,262.04,NULL,'2024-03-01','charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(9,'768926cb-880f-4103-8a40-f47fdb3196ae',2,3,NULL,0.0,NULL,0.0,NULL,209.87,NULL,209.87,NULL,'2024-03-01','charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(9,'768926cb-880f-4103-8a40-f47fdb3196ae',2,4,0,0.0,0,0.0,NULL,208.88,NULL,208.88,NULL,'2024-03-01','charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(10,'e1f8f264-7904-46ef-8bd1-6cd9878ee922',2,2,0,NULL,42.02,NULL,220.02,NULL,262.04,NULL,'2024-03-01',NULL,'restored');
INSERT INTO "meter_migration_meter_balances" VALUES(10,'e1f8f264-7904-46ef-8bd1-6cd9878ee922',2,3,0,NULL,0,NULL,209.87,NULL,209.87,NULL,'2024-03-01',NULL,'restored');
INSERT INTO "meter_migration_meter_balances" VALUES(10,'e1f8f264-7904-46ef-8bd1-6cd9878ee922',2,4,0,0,0,0,208.88,NULL,208.88,NULL,'2024-03-01',NULL,'restored');
INSERT INTO "meter_migration_meter_balances" VALUES(15,'05531a34-fec9-4d05-ab4f-454664b834f4',3,5,NULL,0.0,NULL,0.0,NULL,319.78,NULL,319.78,NULL,'2024-03-01','charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(15,'05531a34-fec9-4d05-ab4f-454664b834f4',3,6,0,0.0,0,0.0,NULL,316.94,NULL,316.94,NULL,'2024-03-01','charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(15,'05531a34-fec9-4d05-ab4f-454664b834f4',3,7,0,0.0,0,0.0,NULL,236.17,NULL,236.17,NULL,'2024-03-01','charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(15,'05531a34-fec9-4d05-ab4f-454664b834f4',3,8,0,116.8,0,0.0,NULL,302.59,NULL,185.79,NULL,'2024-03-01','charges_and_opening_balance');
INSERT INTO "meter_migration_meter_balances" VALUES(15,'05531a34-fec9-4d05-ab4f-454664b834f4',3,9,0,0.0,0,0.0,NULL,367.21,NULL,367.21,NULL,'2024-03-01','charges_and_opening_balance');
CREATE TABLE meter_migration_outcomes (
	step_run_id INTEGER NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	finished_at DATETIME NOT NULL, 
	message TEXT, 
	seal VARCHAR(64) NOT NULL, 
	PRIMARY KEY (step_run_id)
);
INSERT INTO "meter_migration_outcomes" VALUES(1,1,'succeeded','2026-11-26 19:37:40.137751',NULL,'efe14a805d8ff67f3c79f8c13c007514c402d07aadbe0b575ba32d19e15498e7');
INSERT INTO "meter_migration_outcomes" VALUES(2,1,'succeeded','2026-11-26 19:37:40.588523',NULL,'6e5b66bb22c96294169091805a4b430ba517115fb799198d7519a97fae3b5229');
INSERT INTO "meter_migration_outcomes" VALUES(3,1,'succeeded','2026-11-26 19:37:41.017091',NULL,'ade4ffa998afe7668eebffafdd4c8e1e5a32c56ead7353b8804a9460b6267914');
INSERT INTO "meter_migration_outcomes" VALUES(4,1,'succeeded','2026-11-26 19:37:45.221699',NULL,'4bdd130abdeea924ee2d1853c0d22bf108d82044b2dbd079483799b5aa7506f3');
INSERT INTO "meter_migration_outcomes" VALUES(5,2,'succeeded','2026-11-26 19:37:48.684564',NULL,'b58af23bf2a430b0dc1bc40defc4d44e2973356730d3136b1e69945de6ae0167');
INSERT INTO "meter_migration_outcomes" VALUES(6,2,'succeeded','2026-11-26 19:37:51.275882',NULL,'446dd8f63bafd5ce025fadb575a975245fda4b3e04fc3138117316a37a657392');
INSERT INTO "meter_migration_outcomes" VALUES(7,2,'succeeded','2026-11-26 19:37:51.419617',NULL,'9ebf0c976fe2a0a9803d103a33e4b6eab6486aaf68ccb38d14258ed49d04d373');
INSERT INTO "meter_migration_outcomes" VALUES(8,2,'succeeded','2026-11-26 19:37:51.596052',NULL,'d74aab1a177de8766b453a7db8a8f2d2571ef7f65db46dcadbbe1cee235ef449');
INSERT INTO "meter_migration_outcomes" VALUES(9,2,'succeeded','2026-11-26 19:37:52.685288',NULL,'fd99c5c0a7676806e1695ab1e5cf05239513ab0746f33eeac2bb5d898d4c3ed1');
INSERT INTO "meter_migration_outcomes" VALUES(10,2,'succeeded','2026-11-26 19:37:53.819658',NULL,'1d88f9af3addf6591a2932333535ac27f5a6e32ea926b8acdd79fca7c88b27e2');
INSERT INTO "meter_migration_outcomes" VALUES(11,2,'succeeded','2026-11-26 19:37:54.128087',NULL,'35f444c10e5e21d2c956568864ff9c6774d1f448f1de69bed54a4f7f259865f4');
INSERT INTO "meter_migration_outcomes" VALUES(12,3,'succeeded','2026-11-26 19:37:55.155735',NULL,'904ba75ca69e08121a5416d2c1ed4a4f6789d7bd3ece4463ac6aa9ad2c4d13f2');
INSERT INTO "meter_migration_outcomes" VALUES(13,3,'succeeded','2026-11-26 19:37:55.405535',NULL,'a7548fa4e158766b300d5e88275ee83694edb25349c17de1d50ca91076c4895c');
INSERT INTO "meter_migration_outcomes" VALUES(14,3,'succeeded','2026-11-26 19:37:55.629387',NULL,'99c52d0021d827a448233d8906bc472a09ab9efe2a4a1c7a24c2b9d5b955f066');
INSERT INTO "meter_migration_outcomes" VALUES(15,3,'succeeded','2026-11-26 19:37:56.479558',NULL,'49bcf72c14b1e1b1dff5f4f180b9002f1841e1796496b6693c84fd955c3b0c5a');
INSERT INTO "meter_migration_outcomes" VALUES(16,4,'succeeded','2026-11-26 19:37:59.825113',NULL,'7b7521e4f233740f5486d6425ce0f449ab0eea5f6cbe99bd5beb9416fcbd0def');
INSERT INTO "meter_migration_outcomes" VALUES(17,4,'succeeded','2026-11-26 19:38:00.183197',NULL,'7a5f0126aa855d5feaace1620fd54518f2b826153598703746e4a10e4db3c329');
INSERT INTO "meter_migration_outcomes" VALUES(18,4,'succeeded','2026-11-26 19:38:00.591054',NULL,'a5d1c91f5bcb41aac013ef0495eb9ef19fb3e4ac5cb0059f99dfbf458bc009a8');
CREATE TABLE meter_migration_payment_meter_ids (
	step_run_id INTEGER NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	payment_id INTEGER NOT NULL, 
	meter_id_before BLOB, 
	meter_id_after BLOB, 
	rule VARCHAR(64) NOT NULL, 
	PRIMARY KEY (step_run_id, payment_id)
);
INSERT INTO "meter_migration_payment_meter_ids" VALUES(3,'513e660a-f849-49df-9c5a-b74e487c951f',1,1,NULL,1,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(3,'513e660a-f849-49df-9c5a-b74e487c951f',1,2,NULL,1,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(3,'513e660a-f849-49df-9c5a-b74e487c951f',1,3,NULL,1,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(3,'513e660a-f849-49df-9c5a-b74e487c951f',1,4,NULL,1,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(3,'513e660a-f849-49df-9c5a-b74e487c951f',1,49,NULL,18,'first_active_meter');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,5,NULL,2,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,6,NULL,2,'sole_active_meter');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,7,NULL,2,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,8,NULL,3,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,9,NULL,3,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,10,NULL,3,'sole_active_meter');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,11,NULL,4,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,12,NULL,4,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,13,NULL,4,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,14,NULL,4,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,15,NULL,5,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,16,NULL,5,'sole_active_meter');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,17,NULL,5,'sole_active_meter');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,18,NULL,5,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,19,NULL,6,'sole_active_meter');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,20,NULL,6,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,21,NULL,7,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,22,NULL,7,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,23,NULL,7,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,24,NULL,8,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,25,NULL,9,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,26,NULL,8,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,27,NULL,9,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,28,NULL,9,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,29,NULL,10,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,30,NULL,10,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,31,NULL,10,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,32,NULL,11,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,33,NULL,11,'sole_active_meter');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,34,NULL,12,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,35,NULL,12,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,36,NULL,13,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,37,NULL,14,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,38,NULL,13,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,39,NULL,14,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,40,NULL,13,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,41,NULL,14,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,42,NULL,15,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,43,NULL,15,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,44,NULL,15,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,45,NULL,16,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,46,NULL,17,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,47,NULL,17,'invoice');
INSERT INTO "meter_migration_payment_meter_ids" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,48,NULL,17,'invoice');
CREATE TABLE meter_migration_retired_backups (
	step_run_id INTEGER NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	customer_id INTEGER NOT NULL, 
	balance_before BLOB, 
	balance_after BLOB, 
	overpayment_before BLOB, 
	overpayment_after BLOB, 
	rule VARCHAR(64) NOT NULL, 
	PRIMARY KEY (step_run_id, customer_id)
);
INSERT INTO "meter_migration_retired_backups" VALUES(11,'e1f8f264-7904-46ef-8bd1-6cd9878ee922',2,2,0,NULL,42.02,NULL,'restored');
INSERT INTO "meter_migration_retired_backups" VALUES(11,'e1f8f264-7904-46ef-8bd1-6cd9878ee922',2,3,0,NULL,0,NULL,'restored');
INSERT INTO "meter_migration_retired_backups" VALUES(11,'e1f8f264-7904-46ef-8bd1-6cd9878ee922',2,4,0,NULL,0,NULL,'restored');
CREATE TABLE meter_migration_runs (
	id INTEGER NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	step VARCHAR(64) NOT NULL, 
	undoes INTEGER, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	outcome VARCHAR(16) NOT NULL, 
	rows_changed INTEGER, 
	message TEXT, 
	policy TEXT NOT NULL, 
	software_version VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "meter_migration_runs" VALUES(1,'513e660a-f849-49df-9c5a-b74e487c951f',1,'customer_balances_backup',NULL,'2026-11-26 19:37:40.022081',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(2,'513e660a-f849-49df-9c5a-b74e487c951f',1,'invoice_amounts',NULL,'2026-11-26 19:37:40.448970',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(3,'513e660a-f849-49df-9c5a-b74e487c951f',1,'payment_meter_ids',NULL,'2026-11-26 19:37:40.918725',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(4,'513e660a-f849-49df-9c5a-b74e487c951f',1,'meter_balances',NULL,'2026-11-26 19:37:44.950799',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b',2,'payment_meter_ids',NULL,'2026-11-26 19:37:48.610309',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(6,'768926cb-880f-4103-8a40-f47fdb3196ae',2,'customer_balances_backup',NULL,'2026-11-26 19:37:51.247727',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(7,'768926cb-880f-4103-8a40-f47fdb3196ae',2,'invoice_amounts',NULL,'2026-11-26 19:37:51.373981',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(8,'768926cb-880f-4103-8a40-f47fdb3196ae',2,'payment_meter_ids',NULL,'2026-11-26 19:37:51.564846',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(9,'768926cb-880f-4103-8a40-f47fdb3196ae',2,'meter_balances',NULL,'2026-11-26 19:37:52.601160',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(10,'e1f8f264-7904-46ef-8bd1-6cd9878ee922',2,'meter_balances',9,'2026-11-26 19:37:53.755477',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(11,'e1f8f264-7904-46ef-8bd1-6cd9878ee922',2,'customer_balances_backup',6,'2026-11-26 19:37:54.081256',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(12,'05531a34-fec9-4d05-ab4f-454664b834f4',3,'customer_balances_backup',NULL,'2026-11-26 19:37:55.126261',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(13,'05531a34-fec9-4d05-ab4f-454664b834f4',3,'invoice_amounts',NULL,'2026-11-26 19:37:55.287675',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(14,'05531a34-fec9-4d05-ab4f-454664b834f4',3,'payment_meter_ids',NULL,'2026-11-26 19:37:55.546291',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(15,'05531a34-fec9-4d05-ab4f-454664b834f4',3,'meter_balances',NULL,'2026-11-26 19:37:56.372041',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(16,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,'customer_balances_backup',NULL,'2026-11-26 19:37:59.766065',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(17,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,'invoice_amounts',NULL,'2026-11-26 19:38:00.099088',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
INSERT INTO "meter_migration_runs" VALUES(18,'795d1ef7-eed9-41bc-8a98-2f605fe007ad',4,'payment_meter_ids',NULL,'2026-11-26 19:38:00.540754',NULL,'running',NULL,NULL,'{"customers_without_active_meter": "leave", "invoices_without_bills": "keep", "balance_basis": "charges_and_opening_balance", "uncounted_payment_statuses": ["reversed", "failed", "cancelled", "voided", "pending"], "uncounted_invoice_statuses": ["reversed", "cancelled", "voided", "draft"], "tolerance": "1.00", "allow_invalid": false}','1.1.0');
CREATE TABLE meters (
	id INTEGER NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	meter_number VARCHAR(120), 
	status VARCHAR(120), 
	balance NUMERIC(14, 2), 
	overpayment NUMERIC(14, 2), 
	total_billed NUMERIC(14, 2), 
	total_paid NUMERIC(14, 2), 
	last_invoice_date DATE, 
	deleted_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "meters" VALUES(1,1,'01-000001','active',0,0,173.51,173.51,'2024-03-01',NULL);
INSERT INTO "meters" VALUES(2,2,'02-000002','active',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(3,2,'02-000003','active',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(4,2,'02-000004','active',0,0,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(5,3,'03-000005','active',1000,0,319.78,319.78,'2024-03-01',NULL);
INSERT INTO "meters" VALUES(6,3,'03-000006','active',0,0,316.94,316.94,'2024-03-01',NULL);
INSERT INTO "meters" VALUES(7,3,'03-000007','active',0,0,236.17,236.17,'2024-03-01',NULL);
INSERT INTO "meters" VALUES(8,3,'03-000008','active',116.8,0,302.59,185.79,'2024-03-01',NULL);
INSERT INTO "meters" VALUES(9,3,'03-000009','active',0,0,367.21,367.21,'2024-03-01',NULL);
INSERT INTO "meters" VALUES(10,4,'04-000010','active',0,0,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(11,4,'04-000011','active',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(12,4,'04-000012','active',0,0,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(13,4,'04-000013','active',0,0,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(14,4,'04-000014','active',0,0,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(15,4,'04-000015','active',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(16,4,'04-000016','active',0,0,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(17,4,'04-000017','active',0,0,NULL,NULL,NULL,NULL);
INSERT INTO "meters" VALUES(18,1,'01-000018','active',0,40,0,40,NULL,NULL);
INSERT INTO "meters" VALUES(19,1,'01-000019','active',0,0,0,0,NULL,NULL);
CREATE TABLE payments (
	id INTEGER NOT NULL, 
	tenant_id INTEGER NOT NULL, 
	customer_id INTEGER, 
	invoice_id INTEGER, 
	meter_id INTEGER, 
	amount NUMERIC(14, 2), 
	status VARCHAR(120), 
	paid_at DATETIME, 
	deleted_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "payments" VALUES(1,1,1,1,1,36.75,'completed','2024-01-14 13:15:00.000000',NULL);
INSERT INTO "payments" VALUES(2,1,1,2,1,100.89,'completed','2024-02-09 17:09:00.000000',NULL);
INSERT INTO "payments" VALUES(3,1,1,3,1,35.87,'failed','2024-03-05 15:47:00.000000',NULL);
INSERT INTO "payments" VALUES(4,1,1,3,1,35.87,'completed','2024-03-09 15:47:00.000000',NULL);
INSERT INTO "payments" VALUES(5,2,2,4,2,94.99,'completed','2024-01-09 17:19:00.000000',NULL);
INSERT INTO "payments" VALUES(6,2,2,NULL,2,39.11,'completed','2024-02-09 09:11:00.000000',NULL);
INSERT INTO "payments" VALUES(7,2,2,6,2,127.94,'completed','2024-03-27 12:14:00.000000',NULL);
INSERT INTO "payments" VALUES(8,2,3,7,3,83.08,'completed','2024-01-09 16:28:00.000000',NULL);
INSERT INTO "payments" VALUES(9,2,3,8,3,27.77,'completed','2024-02-14 15:17:00.000000',NULL);
INSERT INTO "payments" VALUES(10,2,3,NULL,3,99.02,'completed','2024-03-09 10:02:00.000000',NULL);
INSERT INTO "payments" VALUES(11,2,4,10,4,80.98,'reversed','2024-01-05 16:58:00.000000',NULL);
INSERT INTO "payments" VALUES(12,2,4,10,4,80.98,'completed','2024-01-09 16:58:00.000000',NULL);
INSERT INTO "payments" VALUES(13,2,4,12,4,42.64,'completed','2024-03-07 12:04:00.000000',NULL);
INSERT INTO "payments" VALUES(14,2,4,12,4,85.26,'completed','2024-03-21 14:06:00.000000',NULL);
INSERT INTO "payments" VALUES(15,3,5,13,5,97.11,'completed','2024-01-09 09:51:00.000000',NULL);
INSERT INTO "payments" VALUES(16,3,5,NULL,5,95.03,'Pending','2024-02-05 11:23:00.000000',NULL);
INSERT INTO "payments" VALUES(17,3,5,NULL,5,95.03,'completed','2024-02-09 11:23:00.000000',NULL);
INSERT INTO "payments" VALUES(18,3,5,15,5,127.64,'completed','2024-03-09 12:44:00.000000',NULL);
INSERT INTO "payments" VALUES(19,3,6,NULL,6,259.4,'completed','2024-02-09 08:20:00.000000',NULL);
INSERT INTO "payments" VALUES(20,3,6,18,6,57.54,'completed','2024-03-09 12:54:00.000000',NULL);
INSERT INTO "payments" VALUES(21,3,7,19,7,80.05,'completed','2024-01-09 13:25:00.000000',NULL);
INSERT INTO "payments" VALUES(22,3,7,20,7,76.22,'completed','2024-02-27 10:02:00.000000',NULL);
INSERT INTO "payments" VALUES(23,3,7,21,7,79.9,'completed','2024-03-09 08:10:00.000000',NULL);
INSERT INTO "payments" VALUES(24,3,8,22,8,130.64,'completed','2024-01-09 12:44:00.000000',NULL);
INSERT INTO "payments" VALUES(25,3,8,23,9,121.64,'completed','2024-01-09 12:44:00.000000',NULL);
INSERT INTO "payments" VALUES(26,3,8,24,8,55.15,'completed','2024-02-27 13:55:00.000000',NULL);
INSERT INTO "payments" VALUES(27,3,8,25,9,76.1,'completed','2024-02-09 08:50:00.000000',NULL);
INSERT INTO "payments" VALUES(28,3,8,28,9,169.47,'completed','2024-03-09 15:27:00.000000',NULL);
INSERT INTO "payments" VALUES(29,4,9,29,10,39.02,'completed','2024-01-09 10:02:00.000000',NULL);
INSERT INTO "payments" VALUES(30,4,9,30,10,38.28,'completed','2024-02-09 16:48:00.000000',NULL);
INSERT INTO "payments" VALUES(31,4,9,31,10,59.85,'completed','2024-03-09 13:45:00.000000',NULL);
INSERT INTO "payments" VALUES(32,4,10,32,11,99.22,'completed','2024-01-09 10:22:00.000000',NULL);
INSERT INTO "payments" VALUES(33,4,10,NULL,11,67.31,'completed','2024-02-09 09:11:00.000000',NULL);
INSERT INTO "payments" VALUES(34,4,11,36,12,73.72,'completed','2024-02-09 10:52:00.000000',NULL);
INSERT INTO "payments" VALUES(35,4,11,37,12,60.59,'completed','2024-03-09 17:59:00.000000',NULL);
INSERT INTO "payments" VALUES(36,4,12,38,13,80.83,'completed','2024-01-09 11:43:00.000000',NULL);
INSERT INTO "payments" VALUES(37,4,12,39,14,42.42,'completed','2024-01-09 10:42:00.000000',NULL);
INSERT INTO "payments" VALUES(38,4,12,40,13,65.63,'completed','2024-02-09 11:23:00.000000',NULL);
INSERT INTO "payments" VALUES(39,4,12,41,14,44.5,'completed','2024-02-09 08:10:00.000000',NULL);
INSERT INTO "payments" VALUES(40,4,12,42,13,87.12,'completed','2024-03-09 10:12:00.000000',NULL);
INSERT INTO "payments" VALUES(41,4,12,43,14,59.16,'completed','2024-03-09 14:36:00.000000',NULL);
INSERT INTO "payments" VALUES(42,4,13,44,15,51.68,'completed','2024-01-09 16:08:00.000000',NULL);
INSERT INTO "payments" VALUES(43,4,13,45,15,94.54,'completed','2024-02-09 12:34:00.000000',NULL);
INSERT INTO "payments" VALUES(44,4,13,46,15,20.66,'completed','2024-03-14 14:26:00.000000',NULL);
INSERT INTO "payments" VALUES(45,4,14,47,16,65.7,'completed','2024-01-09 08:30:00.000000',NULL);
INSERT INTO "payments" VALUES(46,4,14,48,17,50.37,'completed','2024-02-09 15:57:00.000000',NULL);
INSERT INTO "payments" VALUES(47,4,14,49,17,17.68,'completed','2024-03-07 16:28:00.000000',NULL);
INSERT INTO "payments" VALUES(48,4,14,49,17,35.35,'completed','2024-03-21 13:55:00.000000',NULL);
INSERT INTO "payments" VALUES(49,1,15,NULL,18,40,'completed','2024-01-09 09:30:00.000000',NULL);
INSERT INTO "payments" VALUES(50,4,NULL,NULL,NULL,40,'completed','2024-01-09 09:30:00.000000',NULL);
ANALYZE "sqlite_master";
INSERT INTO "sqlite_stat1" VALUES('meters','ix_meters_tenant_id','19 5');
INSERT INTO "sqlite_stat1" VALUES('meter_assignments','ix_meter_assignments_tenant_id','19 5');
INSERT INTO "sqlite_stat1" VALUES('meter_assignments','ix_meter_assignments_customer_id','19 2');
INSERT INTO "sqlite_stat1" VALUES('bills','ix_bills_tenant_id','15 4');
INSERT INTO "sqlite_stat1" VALUES('invoices','ix_invoices_tenant_id','49 13');
INSERT INTO "sqlite_stat1" VALUES('invoices','ix_invoices_meter_id','49 3');
INSERT INTO "sqlite_stat1" VALUES('invoice_bills','ix_invoice_bills_invoice_id','136 3');
INSERT INTO "sqlite_stat1" VALUES('tenants',NULL,'4');
INSERT INTO "sqlite_stat1" VALUES('customers','ix_customers_tenant_id','15 4');
INSERT INTO "sqlite_stat1" VALUES('payments','ix_payments_meter_id','50 50');
INSERT INTO "sqlite_stat1" VALUES('payments','ix_payments_invoice_id','50 2');
INSERT INTO "sqlite_stat1" VALUES('payments','ix_payments_tenant_id','50 13');
CREATE TABLE tenants (
	id INTEGER NOT NULL, 
	name VARCHAR(120), 
	PRIMARY KEY (id)
);
INSERT INTO "tenants" VALUES(1,'Willowmere Water');
INSERT INTO "tenants" VALUES(2,'Stonebrook Water');
INSERT INTO "tenants" VALUES(3,'Hilltop Power');
INSERT INTO "tenants" VALUES(4,'Fernvale Water');
CREATE INDEX ix_customers_tenant_id ON customers (tenant_id);
CREATE INDEX ix_meters_tenant_id ON meters (tenant_id);
CREATE INDEX ix_meter_assignments_customer_id ON meter_assignments (customer_id);
CREATE INDEX ix_meter_assignments_tenant_id ON meter_assignments (tenant_id);
CREATE INDEX ix_bills_tenant_id ON bills (tenant_id);
CREATE INDEX ix_invoices_meter_id ON invoices (meter_id);
CREATE INDEX ix_invoices_tenant_id ON invoices (tenant_id);
CREATE INDEX ix_invoice_bills_invoice_id ON invoice_bills (invoice_id);
CREATE INDEX ix_payments_tenant_id ON payments (tenant_id);
CREATE INDEX ix_payments_invoice_id ON payments (invoice_id);
CREATE INDEX ix_payments_meter_id ON payments (meter_id);
CREATE INDEX ix_meter_migration_runs_tenant_id ON meter_migration_runs (tenant_id);
COMMIT;
