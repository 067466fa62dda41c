-- A Prosody for the tests, started by with_prosody.py; every ENV_ name comes from there.
-- Certificates of the hosts are found in certs/ by their names.

data_path = ENV_PROSODY_STATE .. "/data"
certificates = ENV_PROSODY_STATE .. "/certs"
log = { { levels = { min = ENV_PROSODY_LOG_LEVEL or "info" }, to = "console" } }

-- Containers and CI run as root; the server sees nothing but loopback and a temporary directory.
run_as_root = true

interfaces = { "127.0.0.1" }
c2s_ports = { tonumber(ENV_PROSODY_STARTTLS_PORT) }
c2s_direct_tls_ports = { tonumber(ENV_PROSODY_TLS_PORT) }
c2s_direct_tls_interfaces = { "127.0.0.1" }
c2s_require_encryption = true
component_ports = { tonumber(ENV_PROSODY_COMPONENT_PORT) }
component_interfaces = { "127.0.0.1" }

modules_enabled = { "carbons", "csi", "disco", "ping", "posix", "roster", "saslauth", "smacks", "tls" }
modules_disabled = { "s2s" }

-- Stream management that can be observed within a test.
smacks_hibernation_time = 60
smacks_max_ack_delay = 2
smacks_max_queue_size = 100000

authentication = "internal_hashed"

-- Keys are stored for one hash, so each of these two offers that SCRAM and PLAIN. Of a resource that
-- is in use, the one refuses another session, and the other ends the old one.
VirtualHost "sha1.localhost"
	password_hash = "SHA-1"
	conflict_resolve = "kick_new"

VirtualHost "sha256.localhost"
	password_hash = "SHA-256"
	conflict_resolve = "kick_old"

-- This one makes up another resource.
VirtualHost "plain.localhost"
	conflict_resolve = "random"
	disable_sasl_mechanisms = {
		"DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
	}

VirtualHost "anonymous.localhost"
	authentication = "anonymous"

-- Its certificate is trusted, but made out to another name: a client must refuse it.
VirtualHost "misnamed.localhost"
	ssl = {
		certificate = ENV_PROSODY_STATE .. "/certs/other.example.crt",
		key = ENV_PROSODY_STATE .. "/certs/other.example.key",
	}

-- A component that connects (XEP-0114).
Component (ENV_PROSODY_COMPONENT)
	component_secret = ENV_PROSODY_COMPONENT_SECRET
