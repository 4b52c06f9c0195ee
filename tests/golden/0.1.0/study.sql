BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'cheap');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MINIMIZE',1,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,1,'study:metric_names','["distance"]');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'tsreward','{"format": 1, "objective": "cheap", "version": 1, "space": "{\"fixed\": {}, \"searched\": {\"count\": {\"default\": null, \"high\": 8, \"kind\": \"Int\", \"log\": false, \"low\": 1, \"when\": null}, \"place\": {\"default\": null, \"high\": 4.0, \"kind\": \"Float\", \"log\": false, \"low\": -4.0, \"when\": null}, \"shape\": {\"choices\": [\"square\", \"absolute\"], \"default\": null, \"kind\": \"Categorical\", \"when\": null}, \"width\": {\"default\": null, \"high\": 10.0, \"kind\": \"Float\", \"log\": true, \"low\": 0.1, \"when\": [\"shape\", \"square\"]}}, \"version\": 1}", "settings": {"several": false, "limit": null}}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,0,5.0,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,1,4.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,1,2,4.33333333333333303727e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,1,3,4.25,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,2,0,8.93905699114837659635e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,2,1,8.43905699114837659635e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,2,2,8.27239032448171,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,2,3,8.18905699114837659635e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,3,0,9.20294241631047427176e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(10,3,1,8.70294241631047427176e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(11,3,2,8.53627574964380819722e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(12,3,3,8.45294241631047427176e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(13,4,0,3.35552009331746337039e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(14,4,1,2.85552009331746337039e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(15,4,2,2.68885342665079685176e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(16,4,3,2.60552009331746337039e+00,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'shape',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["square", "absolute"]}}');
INSERT INTO "trial_params" VALUES(2,1,'place',3.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": -4.0, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(3,1,'width',1.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 10.0, "log": true}}');
INSERT INTO "trial_params" VALUES(4,1,'count',8.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 8}}');
INSERT INTO "trial_params" VALUES(5,2,'shape',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["square", "absolute"]}}');
INSERT INTO "trial_params" VALUES(6,2,'place',3.81763322509307023722e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": -4.0, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(7,2,'width',1.6183718005855834976e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 10.0, "log": true}}');
INSERT INTO "trial_params" VALUES(8,2,'count',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 8}}');
INSERT INTO "trial_params" VALUES(9,3,'shape',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["square", "absolute"]}}');
INSERT INTO "trial_params" VALUES(10,3,'place',3.86407793474801852795e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": -4.0, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(11,3,'width',5.4187607857480726281e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 10.0, "log": true}}');
INSERT INTO "trial_params" VALUES(12,3,'count',6.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 8}}');
INSERT INTO "trial_params" VALUES(13,4,'shape',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["square", "absolute"]}}');
INSERT INTO "trial_params" VALUES(14,4,'place',-1.35552009331746337039e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": -4.0, "high": 4.0, "log": false}}');
INSERT INTO "trial_params" VALUES(15,4,'count',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 8}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'fixed_params','{"shape": "square", "place": 3.0, "width": 1.0, "count": 8}');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'seconds','0.0');
INSERT INTO "trial_user_attributes" VALUES(2,2,'seconds','0.0');
INSERT INTO "trial_user_attributes" VALUES(3,3,'seconds','0.0');
INSERT INTO "trial_user_attributes" VALUES(4,4,'seconds','0.0');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,4.0,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,7.93905699114837659635e+00,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,8.20294241631047427176e+00,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,2.35552009331746337039e+00,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-30 04:15:51.681098','2026-11-30 04:15:53.067839');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-30 04:15:53.324947','2026-11-30 04:15:54.635485');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-30 04:15:54.822632','2026-11-30 04:15:55.966324');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2026-11-30 04:15:56.163380','2026-11-30 04:15:57.278291');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
