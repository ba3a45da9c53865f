#
# What TCA does not say: sizes in bytes and times go beyond 32 bits, ids are looked up at every call.
#
CREATE TABLE tx_nrvault_service (
	timeout_ms bigint(20) unsigned DEFAULT NULL,
	idle_timeout_ms bigint(20) unsigned DEFAULT NULL,
	request_bytes bigint(20) unsigned DEFAULT NULL,
	response_bytes bigint(20) unsigned DEFAULT NULL,
	max_redirects bigint(20) unsigned DEFAULT '0' NOT NULL,
	breaker_failures bigint(20) unsigned DEFAULT NULL,

	KEY identifier (identifier)
);

CREATE TABLE tx_nrvault_credential_set (
	secret_uid int(11) unsigned DEFAULT '0' NOT NULL,

	KEY identifier (identifier),
	KEY secret_uid (secret_uid)
);

#
# One row for each call. Nobody edits it, so it has no TCA.
#
CREATE TABLE tx_nrvault_outbound_audit (
	uid bigint(20) unsigned NOT NULL auto_increment,
	crdate int(11) unsigned DEFAULT '0' NOT NULL,
	weight int(11) unsigned DEFAULT '1' NOT NULL,

	id char(36) DEFAULT '' NOT NULL,
	state varchar(16) DEFAULT '' NOT NULL,
	outcome varchar(16) DEFAULT NULL,
	service_id varchar(64) DEFAULT NULL,
	correlation_id varchar(128) DEFAULT NULL,
	timestamp varchar(24) DEFAULT '' NOT NULL,
	method varchar(64) DEFAULT NULL,
	host varchar(255) DEFAULT NULL,
	port int(11) DEFAULT NULL,
	path_template text,
	status int(11) DEFAULT NULL,
	duration_us bigint(20) DEFAULT NULL,
	bytes_out bigint(20) DEFAULT NULL,
	bytes_in bigint(20) DEFAULT NULL,
	attempts int(11) DEFAULT NULL,
	attempt_errors text,
	token_requests int(11) DEFAULT NULL,
	remote_address varchar(64) DEFAULT NULL,
	tls_version varchar(16) DEFAULT NULL,
	http_version varchar(16) DEFAULT NULL,
	connection_reused smallint(6) DEFAULT NULL,
	credentials text,
	error_class varchar(64) DEFAULT NULL,
	error_code varchar(128) DEFAULT NULL,
	sent varchar(8) DEFAULT NULL,
	transport varchar(32) DEFAULT NULL,
	library_version varchar(64) DEFAULT NULL,
	proxy_resolve varchar(16) DEFAULT NULL,
	actor_type varchar(255) DEFAULT NULL,
	actor_id varchar(255) DEFAULT NULL,
	caller varchar(255) DEFAULT NULL,
	request_id varchar(255) DEFAULT NULL,

	PRIMARY KEY (uid),
	UNIQUE KEY id (id),
	KEY crdate (crdate),
	KEY service (service_id, crdate),
	KEY correlation (correlation_id)
);
