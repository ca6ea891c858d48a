BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('29b539ebc72a');
CREATE TABLE backfill_tags (
	id INTEGER NOT NULL, 
	backfill_id VARCHAR(255), 
	"key" TEXT, 
	value TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE bulk_actions (
	id INTEGER NOT NULL, 
	"key" VARCHAR(32) NOT NULL, 
	status VARCHAR(255) NOT NULL, 
	timestamp TIMESTAMP NOT NULL, 
	body TEXT, 
	action_type VARCHAR(32), 
	selector_id TEXT, 
	job_name TEXT, 
	PRIMARY KEY (id), 
	UNIQUE ("key")
);
CREATE TABLE daemon_heartbeats (
	id INTEGER NOT NULL, 
	daemon_type VARCHAR(255) NOT NULL, 
	daemon_id VARCHAR(255), 
	timestamp TIMESTAMP NOT NULL, 
	body TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (daemon_type)
);
CREATE TABLE instance_info (
	id INTEGER NOT NULL, 
	run_storage_id TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE kvs (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	value TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "kvs" VALUES(1,'meter_assets/watching/sqlite:////srv/billing/billing.db','{"at":"2026-11-26T19:38:14.355178Z","laws":"1.1.0 {\"customers_without_active_meter\":\"leave\",\"invoices_without_bills\":\"keep\",\"balance_basis\":\"charges_and_opening_balance\",\"uncounted_payment_statuses\":[\"reversed\",\"failed\",\"cancelled\",\"voided\",\"pending\"],\"uncounted_invoice_statuses\":[\"reversed\",\"cancelled\",\"voided\",\"draft\"],\"tolerance\":\"1.00\"}","marks":{"customers":{"id":15,"updated_at":"0001-01-02 00:00:00"},"meters":{"id":19,"updated_at":"0001-01-02 00:00:00"},"meter_assignments":{"id":19,"updated_at":"0001-01-02 00:00:00"},"bills":{"id":15,"updated_at":"0001-01-02 00:00:00"},"invoices":{"id":49,"updated_at":"0001-01-02 00:00:00"},"invoice_bills":{"id":136,"updated_at":"0001-01-02 00:00:00"},"payments":{"id":50,"updated_at":"0001-01-02 00:00:00"},"meter_migration_runs":{"id":18,"updated_at":"0001-01-02 00:00:00"}},"marks_before":{"customers":{"id":15,"updated_at":"0001-01-02 00:00:00"},"meters":{"id":19,"updated_at":"0001-01-02 00:00:00"},"meter_assignments":{"id":19,"updated_at":"0001-01-02 00:00:00"},"bills":{"id":15,"updated_at":"0001-01-02 00:00:00"},"invoices":{"id":49,"updated_at":"0001-01-02 00:00:00"},"invoice_bills":{"id":136,"updated_at":"0001-01-02 00:00:00"},"payments":{"id":50,"updated_at":"0001-01-02 00:00:00"},"meter_migration_runs":{"id":18,"updated_at":"0001-01-02 00:00:00"}},"watched":["1","3"],"failing":{"1":{"since":{"no_payment_was_assigned_by_a_rule_for_review":"2026-11-26T19:38:12+00:00"},"marks":null},"3":{"since":{"every_meter_balance_equals_its_transactions":"2026-11-26T19:38:14+00:00","money_is_conserved":"2026-11-26T19:38:14+00:00","tenant_balance_agrees_with_its_backup":"2026-11-26T19:38:14+00:00","every_customer_balance_agrees_with_its_backup":"2026-11-26T19:38:14+00:00"},"marks":{"customers":{"id":15,"updated_at":"0001-01-02 00:00:00"},"meters":{"id":19,"updated_at":"0001-01-02 00:00:00"},"meter_assignments":{"id":19,"updated_at":"0001-01-02 00:00:00"},"bills":{"id":15,"updated_at":"0001-01-02 00:00:00"},"invoices":{"id":49,"updated_at":"0001-01-02 00:00:00"},"invoice_bills":{"id":136,"updated_at":"0001-01-02 00:00:00"},"payments":{"id":50,"updated_at":"0001-01-02 00:00:00"},"meter_migration_runs":{"id":18,"updated_at":"0001-01-02 00:00:00"}}}}}');
CREATE TABLE run_tags (
	id INTEGER NOT NULL, 
	run_id VARCHAR(255), 
	"key" TEXT, 
	value TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES runs (run_id) ON DELETE CASCADE
);
INSERT INTO "run_tags" VALUES(1,'513e660a-f849-49df-9c5a-b74e487c951f','meter_assets/process','{"host": "billing", "namespace": "pid:[4026531836]", "process": 23149, "seconds_after_boot": 17788.109999895096}');
INSERT INTO "run_tags" VALUES(2,'513e660a-f849-49df-9c5a-b74e487c951f','dagster/max_retries','0');
INSERT INTO "run_tags" VALUES(3,'513e660a-f849-49df-9c5a-b74e487c951f','dagster/partition','1');
INSERT INTO "run_tags" VALUES(4,'513e660a-f849-49df-9c5a-b74e487c951f','dagster/partition_set','migrate_meter_financials_partition_set');
INSERT INTO "run_tags" VALUES(5,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b','meter_assets/process','{"host": "billing", "namespace": "pid:[4026531836]", "process": 23149, "seconds_after_boot": 17788.109999895096}');
INSERT INTO "run_tags" VALUES(6,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b','dagster/max_retries','0');
INSERT INTO "run_tags" VALUES(7,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b','dagster/partition','2');
INSERT INTO "run_tags" VALUES(8,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b','dagster/partition_set','migrate_meter_financials_partition_set');
INSERT INTO "run_tags" VALUES(9,'768926cb-880f-4103-8a40-f47fdb3196ae','meter_assets/process','{"host": "billing", "namespace": "pid:[4026531836]", "process": 23149, "seconds_after_boot": 17788.109999895096}');
INSERT INTO "run_tags" VALUES(10,'768926cb-880f-4103-8a40-f47fdb3196ae','dagster/max_retries','0');
INSERT INTO "run_tags" VALUES(11,'768926cb-880f-4103-8a40-f47fdb3196ae','dagster/partition','2');
INSERT INTO "run_tags" VALUES(12,'768926cb-880f-4103-8a40-f47fdb3196ae','dagster/partition_set','migrate_meter_financials_partition_set');
INSERT INTO "run_tags" VALUES(13,'e1f8f264-7904-46ef-8bd1-6cd9878ee922','dagster/max_retries','0');
INSERT INTO "run_tags" VALUES(14,'e1f8f264-7904-46ef-8bd1-6cd9878ee922','meter_assets/process','{"host": "billing", "namespace": "pid:[4026531836]", "process": 23149, "seconds_after_boot": 17788.109999895096}');
INSERT INTO "run_tags" VALUES(15,'e1f8f264-7904-46ef-8bd1-6cd9878ee922','dagster/partition','2');
INSERT INTO "run_tags" VALUES(16,'e1f8f264-7904-46ef-8bd1-6cd9878ee922','dagster/partition_set','rollback_meter_financials_partition_set');
INSERT INTO "run_tags" VALUES(17,'05531a34-fec9-4d05-ab4f-454664b834f4','meter_assets/process','{"host": "billing", "namespace": "pid:[4026531836]", "process": 23149, "seconds_after_boot": 17788.109999895096}');
INSERT INTO "run_tags" VALUES(18,'05531a34-fec9-4d05-ab4f-454664b834f4','dagster/max_retries','0');
INSERT INTO "run_tags" VALUES(19,'05531a34-fec9-4d05-ab4f-454664b834f4','dagster/partition','3');
INSERT INTO "run_tags" VALUES(20,'05531a34-fec9-4d05-ab4f-454664b834f4','dagster/partition_set','migrate_meter_financials_partition_set');
INSERT INTO "run_tags" VALUES(21,'795d1ef7-eed9-41bc-8a98-2f605fe007ad','meter_assets/process','{"host": "billing", "namespace": "pid:[4026531836]", "process": 23149, "seconds_after_boot": 17788.109999895096}');
INSERT INTO "run_tags" VALUES(22,'795d1ef7-eed9-41bc-8a98-2f605fe007ad','dagster/max_retries','0');
INSERT INTO "run_tags" VALUES(23,'795d1ef7-eed9-41bc-8a98-2f605fe007ad','dagster/partition','4');
INSERT INTO "run_tags" VALUES(24,'795d1ef7-eed9-41bc-8a98-2f605fe007ad','dagster/partition_set','migrate_meter_financials_partition_set');
INSERT INTO "run_tags" VALUES(25,'795d1ef7-eed9-41bc-8a98-2f605fe007ad','dagster/failure_reason','STEP_FAILURE');
INSERT INTO "run_tags" VALUES(26,'795d1ef7-eed9-41bc-8a98-2f605fe007ad','dagster/will_retry','false');
INSERT INTO "run_tags" VALUES(27,'c6f1093d-e804-449f-a4e5-73b7b8867162','meter_assets/process','{"host": "billing", "namespace": "pid:[4026531836]", "process": 23149, "seconds_after_boot": 17788.109999895096}');
INSERT INTO "run_tags" VALUES(28,'c6f1093d-e804-449f-a4e5-73b7b8867162','dagster/max_retries','0');
INSERT INTO "run_tags" VALUES(29,'c6f1093d-e804-449f-a4e5-73b7b8867162','dagster/partition','1');
INSERT INTO "run_tags" VALUES(30,'ddd39470-0b7f-47af-b2b2-9374ae6400cb','meter_assets/watching','one at a time');
INSERT INTO "run_tags" VALUES(31,'ddd39470-0b7f-47af-b2b2-9374ae6400cb','dagster/priority','1');
INSERT INTO "run_tags" VALUES(32,'154a048f-2006-4b91-b1ad-3b89e2cebddb','meter_assets/watching','one at a time');
INSERT INTO "run_tags" VALUES(33,'154a048f-2006-4b91-b1ad-3b89e2cebddb','dagster/priority','1');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	run_id VARCHAR(255), 
	snapshot_id VARCHAR(255), 
	pipeline_name TEXT, 
	mode TEXT, 
	status VARCHAR(63), 
	run_body TEXT, 
	partition TEXT, 
	partition_set TEXT, 
	create_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	update_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	start_time FLOAT, 
	end_time FLOAT, 
	backfill_id VARCHAR(255), 
	PRIMARY KEY (id), 
	UNIQUE (run_id), 
	CONSTRAINT fk_runs_snapshot_id_snapshots_snapshot_id FOREIGN KEY(snapshot_id) REFERENCES snapshots (snapshot_id)
);
INSERT INTO "runs" VALUES(1,'513e660a-f849-49df-9c5a-b74e487c951f','241f9fcc1478047d90658b044702d95f8b51a387','migrate_meter_financials',NULL,'SUCCESS','{"__class__": "PipelineRun", "asset_check_selection": null, "asset_selection": {"__frozenset__": []}, "execution_plan_snapshot_id": "b3dbd97ad45703376e50f486829cbf1cbee2c1dc", "external_pipeline_origin": null, "has_repository_load_data": false, "mode": null, "parent_run_id": null, "partitions_subset": {"__class__": "KeyRangesPartitionsSubset", "key_ranges": [{"__class__": "PartitionKeyRange", "end": "1", "start": "1"}], "partitions_snap": {"__class__": "ExternalDynamicPartitionsDefinitionData", "name": "tenants"}}, "pipeline_code_origin": null, "pipeline_name": "migrate_meter_financials", "pipeline_snapshot_id": "241f9fcc1478047d90658b044702d95f8b51a387", "root_run_id": null, "run_config": {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": {}}, "run_id": "513e660a-f849-49df-9c5a-b74e487c951f", "run_op_concurrency": null, "solid_selection": null, "solids_to_execute": null, "status": {"__enum__": "PipelineRunStatus.SUCCESS"}, "step_keys_to_execute": ["customer_balances_backup", "invoice_amounts", "payment_meter_ids", "customer_balances_backup_checks", "invoice_amounts_checks", "payment_meter_ids_checks", "meter_balances", "meter_balances_checks"], "tags": {"dagster/max_retries": "0", "dagster/partition": "1", "dagster/partition_set": "migrate_meter_financials_partition_set", "meter_assets/process": "{\"host\": \"billing\", \"namespace\": \"pid:[4026531836]\", \"process\": 23149, \"seconds_after_boot\": 17788.109999895096}"}}','1','migrate_meter_financials_partition_set','2026-11-26 19:37:36.724974','2026-11-26 19:37:46.440092',1795721859.52558,1.7957218664400920868e+09,NULL);
INSERT INTO "runs" VALUES(2,'7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b','da5849d053370c00a5374e575dd05cc707fe5ce4','migrate_meter_financials',NULL,'SUCCESS','{"__class__": "PipelineRun", "asset_check_selection": null, "asset_selection": {"__frozenset__": []}, "execution_plan_snapshot_id": "48b5be980d7ebd43b1ad11ee2d0fbaaeb5389406", "external_pipeline_origin": null, "has_repository_load_data": false, "mode": null, "parent_run_id": null, "partitions_subset": {"__class__": "KeyRangesPartitionsSubset", "key_ranges": [{"__class__": "PartitionKeyRange", "end": "2", "start": "2"}], "partitions_snap": {"__class__": "ExternalDynamicPartitionsDefinitionData", "name": "tenants"}}, "pipeline_code_origin": null, "pipeline_name": "migrate_meter_financials", "pipeline_snapshot_id": "da5849d053370c00a5374e575dd05cc707fe5ce4", "root_run_id": null, "run_config": {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": {}}, "run_id": "7c3c8a4d-34e0-4f64-8d9a-6ad2377e6f6b", "run_op_concurrency": null, "solid_selection": null, "solids_to_execute": null, "status": {"__enum__": "PipelineRunStatus.SUCCESS"}, "step_keys_to_execute": ["payment_meter_ids", "payment_meter_ids_checks"], "tags": {"dagster/max_retries": "0", "dagster/partition": "2", "dagster/partition_set": "migrate_meter_financials_partition_set", "meter_assets/process": "{\"host\": \"billing\", \"namespace\": \"pid:[4026531836]\", \"process\": 23149, \"seconds_after_boot\": 17788.109999895096}"}}','2','migrate_meter_financials_partition_set','2026-11-26 19:37:46.999868','2026-11-26 19:37:49.856130',1.79572186821775293345e+09,1795721869.85613,NULL);
INSERT INTO "runs" VALUES(3,'768926cb-880f-4103-8a40-f47fdb3196ae','241f9fcc1478047d90658b044702d95f8b51a387','migrate_meter_financials',NULL,'SUCCESS','{"__class__": "PipelineRun", "asset_check_selection": null, "asset_selection": {"__frozenset__": []}, "execution_plan_snapshot_id": "b3dbd97ad45703376e50f486829cbf1cbee2c1dc", "external_pipeline_origin": null, "has_repository_load_data": false, "mode": null, "parent_run_id": null, "partitions_subset": {"__class__": "KeyRangesPartitionsSubset", "key_ranges": [{"__class__": "PartitionKeyRange", "end": "2", "start": "2"}], "partitions_snap": {"__class__": "ExternalDynamicPartitionsDefinitionData", "name": "tenants"}}, "pipeline_code_origin": null, "pipeline_name": "migrate_meter_financials", "pipeline_snapshot_id": "241f9fcc1478047d90658b044702d95f8b51a387", "root_run_id": null, "run_config": {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": {}}, "run_id": "768926cb-880f-4103-8a40-f47fdb3196ae", "run_op_concurrency": null, "solid_selection": null, "solids_to_execute": null, "status": {"__enum__": "PipelineRunStatus.SUCCESS"}, "step_keys_to_execute": ["customer_balances_backup", "invoice_amounts", "payment_meter_ids", "customer_balances_backup_checks", "invoice_amounts_checks", "payment_meter_ids_checks", "meter_balances", "meter_balances_checks"], "tags": {"dagster/max_retries": "0", "dagster/partition": "2", "dagster/partition_set": "migrate_meter_financials_partition_set", "meter_assets/process": "{\"host\": \"billing\", \"namespace\": \"pid:[4026531836]\", \"process\": 23149, \"seconds_after_boot\": 17788.109999895096}"}}','2','migrate_meter_financials_partition_set','2026-11-26 19:37:50.212626','2026-11-26 19:37:53.007236',1.79572187088958692543e+09,1.79572187300723600392e+09,NULL);
INSERT INTO "runs" VALUES(4,'e1f8f264-7904-46ef-8bd1-6cd9878ee922','d63b6c9ed0730fa52c20e00f3dbebb28927181ff','rollback_meter_financials',NULL,'SUCCESS','{"__class__": "PipelineRun", "asset_check_selection": null, "asset_selection": {"__frozenset__": []}, "execution_plan_snapshot_id": "b5dffcd52ea262ddbb07bd6f538fdfba5373763d", "external_pipeline_origin": null, "has_repository_load_data": false, "mode": null, "parent_run_id": null, "partitions_subset": null, "pipeline_code_origin": null, "pipeline_name": "rollback_meter_financials", "pipeline_snapshot_id": "d63b6c9ed0730fa52c20e00f3dbebb28927181ff", "root_run_id": null, "run_config": {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": {"undo_steps": {"config": {"before_run": "768926cb-880f-4103-8a40-f47fdb3196ae", "dry_run": false}}}}, "run_id": "e1f8f264-7904-46ef-8bd1-6cd9878ee922", "run_op_concurrency": null, "solid_selection": null, "solids_to_execute": null, "status": {"__enum__": "PipelineRunStatus.SUCCESS"}, "step_keys_to_execute": ["undo_steps"], "tags": {"dagster/max_retries": "0", "dagster/partition": "2", "dagster/partition_set": "rollback_meter_financials_partition_set", "meter_assets/process": "{\"host\": \"billing\", \"namespace\": \"pid:[4026531836]\", \"process\": 23149, \"seconds_after_boot\": 17788.109999895096}"}}','2','rollback_meter_financials_partition_set','2026-11-26 19:37:53.390014','2026-11-26 19:37:54.220141',1.79572187339994096761e+09,1.79572187422014093406e+09,NULL);
INSERT INTO "runs" VALUES(5,'05531a34-fec9-4d05-ab4f-454664b834f4','241f9fcc1478047d90658b044702d95f8b51a387','migrate_meter_financials',NULL,'SUCCESS','{"__class__": "PipelineRun", "asset_check_selection": null, "asset_selection": {"__frozenset__": []}, "execution_plan_snapshot_id": "b3dbd97ad45703376e50f486829cbf1cbee2c1dc", "external_pipeline_origin": null, "has_repository_load_data": false, "mode": null, "parent_run_id": null, "partitions_subset": {"__class__": "KeyRangesPartitionsSubset", "key_ranges": [{"__class__": "PartitionKeyRange", "end": "3", "start": "3"}], "partitions_snap": {"__class__": "ExternalDynamicPartitionsDefinitionData", "name": "tenants"}}, "pipeline_code_origin": null, "pipeline_name": "migrate_meter_financials", "pipeline_snapshot_id": "241f9fcc1478047d90658b044702d95f8b51a387", "root_run_id": null, "run_config": {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": {"invoice_amounts": {"config": {"batch_size": 5}}, "meter_balances": {"config": {"batch_size": 5}}, "payment_meter_ids": {"config": {"batch_size": 5}}}}, "run_id": "05531a34-fec9-4d05-ab4f-454664b834f4", "run_op_concurrency": null, "solid_selection": null, "solids_to_execute": null, "status": {"__enum__": "PipelineRunStatus.SUCCESS"}, "step_keys_to_execute": ["customer_balances_backup", "invoice_amounts", "payment_meter_ids", "customer_balances_backup_checks", "invoice_amounts_checks", "payment_meter_ids_checks", "meter_balances", "meter_balances_checks"], "tags": {"dagster/max_retries": "0", "dagster/partition": "3", "dagster/partition_set": "migrate_meter_financials_partition_set", "meter_assets/process": "{\"host\": \"billing\", \"namespace\": \"pid:[4026531836]\", \"process\": 23149, \"seconds_after_boot\": 17788.109999895096}"}}','3','migrate_meter_financials_partition_set','2026-11-26 19:37:54.449762','2026-11-26 19:37:56.775347',1.7957218749343969822e+09,1.79572187677534699443e+09,NULL);
INSERT INTO "runs" VALUES(6,'795d1ef7-eed9-41bc-8a98-2f605fe007ad','241f9fcc1478047d90658b044702d95f8b51a387','migrate_meter_financials',NULL,'FAILURE','{"__class__": "PipelineRun", "asset_check_selection": null, "asset_selection": {"__frozenset__": []}, "execution_plan_snapshot_id": "b3dbd97ad45703376e50f486829cbf1cbee2c1dc", "external_pipeline_origin": null, "has_repository_load_data": false, "mode": null, "parent_run_id": null, "partitions_subset": {"__class__": "KeyRangesPartitionsSubset", "key_ranges": [{"__class__": "PartitionKeyRange", "end": "4", "start": "4"}], "partitions_snap": {"__class__": "ExternalDynamicPartitionsDefinitionData", "name": "tenants"}}, "pipeline_code_origin": null, "pipeline_name": "migrate_meter_financials", "pipeline_snapshot_id": "241f9fcc1478047d90658b044702d95f8b51a387", "root_run_id": null, "run_config": {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": {}}, "run_id": "795d1ef7-eed9-41bc-8a98-2f605fe007ad", "run_op_concurrency": null, "solid_selection": null, "solids_to_execute": null, "status": {"__enum__": "PipelineRunStatus.FAILURE"}, "step_keys_to_execute": ["customer_balances_backup", "invoice_amounts", "payment_meter_ids", "customer_balances_backup_checks", "invoice_amounts_checks", "payment_meter_ids_checks", "meter_balances", "meter_balances_checks"], "tags": {"dagster/failure_reason": "STEP_FAILURE", "dagster/max_retries": "0", "dagster/partition": "4", "dagster/partition_set": "migrate_meter_financials_partition_set", "dagster/will_retry": "false", "meter_assets/process": "{\"host\": \"billing\", \"namespace\": \"pid:[4026531836]\", \"process\": 23149, \"seconds_after_boot\": 17788.109999895096}"}}','4','migrate_meter_financials_partition_set','2026-11-26 19:37:57.142175','2026-11-26 19:38:03.903265',1.79572187935463404651e+09,1.79572188380447411541e+09,NULL);
INSERT INTO "runs" VALUES(7,'c6f1093d-e804-449f-a4e5-73b7b8867162','ab46df10357253fbdd79d890d9ad0b86259c8110','validate_meter_financial_data',NULL,'SUCCESS','{"__class__": "PipelineRun", "asset_check_selection": null, "asset_selection": {"__frozenset__": []}, "execution_plan_snapshot_id": "4ad3693d3033c8b0ed528a2ea2e9bd618740988d", "external_pipeline_origin": null, "has_repository_load_data": false, "mode": null, "parent_run_id": null, "partitions_subset": null, "pipeline_code_origin": null, "pipeline_name": "validate_meter_financial_data", "pipeline_snapshot_id": "ab46df10357253fbdd79d890d9ad0b86259c8110", "root_run_id": null, "run_config": {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}, "run_id": "c6f1093d-e804-449f-a4e5-73b7b8867162", "run_op_concurrency": null, "solid_selection": null, "solids_to_execute": null, "status": {"__enum__": "PipelineRunStatus.SUCCESS"}, "step_keys_to_execute": ["customer_balances_backup_checks", "invoice_amounts_checks", "meter_balances_checks", "payment_meter_ids_checks"], "tags": {"dagster/max_retries": "0", "dagster/partition": "1", "meter_assets/process": "{\"host\": \"billing\", \"namespace\": \"pid:[4026531836]\", \"process\": 23149, \"seconds_after_boot\": 17788.109999895096}"}}','1',NULL,'2026-11-26 19:38:04.287788','2026-11-26 19:38:11.320093',1.79572188708558797831e+09,1.79572189132009291641e+09,NULL);
INSERT INTO "runs" VALUES(8,'ddd39470-0b7f-47af-b2b2-9374ae6400cb','05b03c0bc9c3d9e1122c3cfbcef25d7dd5337523','watch_migrated_tenants',NULL,'SUCCESS','{"__class__": "PipelineRun", "asset_check_selection": null, "asset_selection": {"__frozenset__": []}, "execution_plan_snapshot_id": "c0c54b21396c94d36d8680887461553532b48a26", "external_pipeline_origin": null, "has_repository_load_data": false, "mode": null, "parent_run_id": null, "partitions_subset": null, "pipeline_code_origin": null, "pipeline_name": "watch_migrated_tenants", "pipeline_snapshot_id": "05b03c0bc9c3d9e1122c3cfbcef25d7dd5337523", "root_run_id": null, "run_config": {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": {"judge_migrated_tenants": {"config": {"full": true}}}}, "run_id": "ddd39470-0b7f-47af-b2b2-9374ae6400cb", "run_op_concurrency": null, "solid_selection": null, "solids_to_execute": null, "status": {"__enum__": "PipelineRunStatus.SUCCESS"}, "step_keys_to_execute": ["judge_migrated_tenants"], "tags": {"dagster/priority": "1", "meter_assets/watching": "one at a time"}}',NULL,NULL,'2026-11-26 19:38:11.651831','2026-11-26 19:38:13.176099',1.79572189168129110335e+09,1.79572189317609906197e+09,NULL);
INSERT INTO "runs" VALUES(9,'154a048f-2006-4b91-b1ad-3b89e2cebddb','05b03c0bc9c3d9e1122c3cfbcef25d7dd5337523','watch_migrated_tenants',NULL,'SUCCESS','{"__class__": "PipelineRun", "asset_check_selection": null, "asset_selection": {"__frozenset__": []}, "execution_plan_snapshot_id": "c0c54b21396c94d36d8680887461553532b48a26", "external_pipeline_origin": null, "has_repository_load_data": false, "mode": null, "parent_run_id": null, "partitions_subset": null, "pipeline_code_origin": null, "pipeline_name": "watch_migrated_tenants", "pipeline_snapshot_id": "05b03c0bc9c3d9e1122c3cfbcef25d7dd5337523", "root_run_id": null, "run_config": {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, "ops": {"judge_migrated_tenants": {"config": {"full": true}}}}, "run_id": "154a048f-2006-4b91-b1ad-3b89e2cebddb", "run_op_concurrency": null, "solid_selection": null, "solids_to_execute": null, "status": {"__enum__": "PipelineRunStatus.SUCCESS"}, "step_keys_to_execute": ["judge_migrated_tenants"], "tags": {"dagster/priority": "1", "meter_assets/watching": "one at a time"}}',NULL,NULL,'2026-11-26 19:38:13.390407','2026-11-26 19:38:14.784390',1795721893.42943,1795721894.78439,NULL);
CREATE TABLE secondary_indexes (
	id INTEGER NOT NULL, 
	name VARCHAR(512), 
	create_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	migration_completed DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "secondary_indexes" VALUES(1,'run_partitions','2026-11-26 19:37:35','2026-11-26 19:37:35.532301');
INSERT INTO "secondary_indexes" VALUES(2,'run_repo_label_tags','2026-11-26 19:37:35','2026-11-26 19:37:35.561139');
INSERT INTO "secondary_indexes" VALUES(3,'bulk_action_types','2026-11-26 19:37:35','2026-11-26 19:37:35.595837');
INSERT INTO "secondary_indexes" VALUES(4,'run_backfill_id','2026-11-26 19:37:35','2026-11-26 19:37:35.628251');
INSERT INTO "secondary_indexes" VALUES(5,'backfill_job_name_and_tags','2026-11-26 19:37:35','2026-11-26 19:37:35.656307');
INSERT INTO "secondary_indexes" VALUES(6,'backfill_end_timestamp','2026-11-26 19:37:35','2026-11-26 19:37:35.683899');
INSERT INTO "secondary_indexes" VALUES(7,'run_start_end_overwritten','2026-11-26 19:37:35','2026-11-26 19:37:35.717813');
CREATE TABLE snapshots (
	id INTEGER NOT NULL, 
	snapshot_id VARCHAR(255) NOT NULL, 
	snapshot_body BLOB NOT NULL, 
	snapshot_type VARCHAR(63) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (snapshot_id)
);
CREATE INDEX idx_bulk_actions_selector_id ON bulk_actions (selector_id);
CREATE INDEX idx_bulk_actions ON bulk_actions ("key");
CREATE INDEX idx_bulk_actions_status ON bulk_actions (status);
CREATE INDEX idx_bulk_actions_action_type ON bulk_actions (action_type);
CREATE INDEX idx_backfill_tags_backfill_id ON backfill_tags (backfill_id, id);
CREATE UNIQUE INDEX idx_kvs_keys_unique ON kvs ("key");
CREATE INDEX idx_runs_by_backfill_id ON runs (backfill_id, id);
CREATE INDEX idx_run_status ON runs (status);
CREATE INDEX idx_run_range ON runs (status, update_timestamp, create_timestamp);
CREATE INDEX idx_run_partitions ON runs (partition_set, partition);
CREATE INDEX idx_runs_by_job ON runs (pipeline_name, id);
CREATE INDEX idx_run_tags_run_idx ON run_tags (run_id, id);
CREATE INDEX idx_run_tags ON run_tags ("key", value);
COMMIT;
