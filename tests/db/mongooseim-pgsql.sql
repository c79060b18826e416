-- The tables that Meerkat shares with MongooseIM, as they are in a database that MongooseIM uses:
-- names, types and keys are facts of its schema.
CREATE TABLE users (username varchar(250), server varchar(250), password text NOT NULL,
	pass_details text, created_at timestamp NOT NULL DEFAULT now(),
	PRIMARY KEY (server, username));
CREATE TABLE last (server varchar(250), username varchar(250), seconds integer NOT NULL,
	state text NOT NULL, PRIMARY KEY (server, username));
CREATE TABLE rosterusers (server varchar(250) NOT NULL, username varchar(250) NOT NULL,
	jid text NOT NULL, nick text NOT NULL, subscription character(1) NOT NULL,
	ask character(1) NOT NULL, askmessage text NOT NULL,
	created_at timestamp NOT NULL DEFAULT now(), PRIMARY KEY (server, username, jid));
CREATE TABLE rostergroups (server varchar(250) NOT NULL, username varchar(250) NOT NULL,
	jid text NOT NULL, grp text NOT NULL, PRIMARY KEY (server, username, jid, grp));
CREATE TABLE roster_version (server varchar(250), username varchar(250),
	version text NOT NULL, PRIMARY KEY (server, username));
CREATE TABLE vcard (username varchar(150), server varchar(100), vcard text NOT NULL,
	created_at timestamp NOT NULL DEFAULT now(), PRIMARY KEY (server, username));
CREATE TABLE private_storage (server varchar(250) NOT NULL, username varchar(250) NOT NULL,
	namespace varchar(250) NOT NULL, data text NOT NULL,
	created_at timestamp NOT NULL DEFAULT now(),
	PRIMARY KEY (server, username, namespace));
CREATE TABLE offline_message (id serial PRIMARY KEY, timestamp bigint NOT NULL, expire bigint,
	server varchar(250) NOT NULL, username varchar(250) NOT NULL,
	from_jid varchar(250) NOT NULL, packet text NOT NULL, permanent_fields bytea);
CREATE INDEX i_offline_message ON offline_message (server, username, id);
