-- The tables that Meerkat shares with MongooseIM, as they are in a database that MongooseIM uses:
-- names, types and keys are facts of its schema. The collation is the server's default for utf8mb4.
CREATE TABLE users (username varchar(250), server varchar(250), password text NOT NULL,
	pass_details text, created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
	PRIMARY KEY (server, username)) CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC;
CREATE TABLE last (server varchar(250), username varchar(250), seconds int NOT NULL,
	state text NOT NULL, PRIMARY KEY (server, username))
	CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC;
CREATE TABLE rosterusers (server varchar(250) NOT NULL, username varchar(250) NOT NULL,
	jid varchar(250) NOT NULL, nick text NOT NULL, subscription character(1) NOT NULL,
	ask character(1) NOT NULL, askmessage text NOT NULL,
	created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
	PRIMARY KEY (server, username, jid)) CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC;
CREATE TABLE rostergroups (server varchar(250) NOT NULL, username varchar(250) NOT NULL,
	jid varchar(250) NOT NULL, grp varchar(250) NOT NULL,
	PRIMARY KEY (server(150), username(200), jid, grp(150)))
	CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC;
CREATE TABLE roster_version (server varchar(250), username varchar(250),
	version text NOT NULL, PRIMARY KEY (server, username))
	CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC;
CREATE TABLE vcard (username varchar(150), server varchar(150), vcard mediumtext NOT NULL,
	created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
	PRIMARY KEY (username, server)) CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC;
CREATE TABLE private_storage (server varchar(250) NOT NULL, username varchar(250) NOT NULL,
	namespace varchar(250) NOT NULL, data text NOT NULL,
	created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
	PRIMARY KEY (server, username, namespace)) CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC;
CREATE TABLE offline_message (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
	timestamp bigint unsigned NOT NULL, expire bigint unsigned,
	server varchar(250) NOT NULL, username varchar(250) NOT NULL,
	from_jid varchar(250) NOT NULL, packet mediumblob NOT NULL,
	permanent_fields mediumblob) CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC;
CREATE INDEX i_offline_message ON offline_message (server, username, id);
