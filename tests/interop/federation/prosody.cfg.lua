-- A Prosody that federates, started by with_federation.py; every ENV_ name comes from there.
-- Certificates of the hosts are found in certs/ by their names.

data_path = ENV_PROSODY_STATE .. "/data"
certificates = ENV_PROSODY_STATE .. "/certs"
log = { { levels = { min = ENV_PROSODY_LOG_LEVEL or "info" }, to = "console" } }

-- Containers and CI run as root; the server sees nothing but loopback and a temporary directory.
run_as_root = true

interfaces = { "127.0.0.1" }
use_ipv6 = false
c2s_ports = { tonumber(ENV_PROSODY_STARTTLS_PORT) }
c2s_direct_tls_ports = { tonumber(ENV_PROSODY_TLS_PORT) }
c2s_direct_tls_interfaces = { "127.0.0.1" }
c2s_require_encryption = true
s2s_ports = { tonumber(ENV_PROSODY_S2S_PORT) }
s2s_direct_tls_ports = { tonumber(ENV_PROSODY_S2S_TLS_PORT) }
s2s_direct_tls_interfaces = { "127.0.0.1" }

modules_enabled = {
	"dialback", "disco", "ping", "posix", "roster", "s2s", "s2s_bidi", "saslauth", "tls",
}

authentication = "internal_hashed"
password_hash = "SHA-256"

-- The tests choose what is used: TLS or not, a trusted certificate or dialback.
s2s_require_encryption = false
s2s_secure_auth = false
-- Of these domains a certificate is demanded.
s2s_secure_domains = { "strict.other.rig", "strict.trusted.rig" }
ssl = { cafile = ENV_PROSODY_STATE .. "/ca.pem" }

-- The name server of the tests.
unbound = {
	resolvconf = false;
	hoststxt = false;
	forward = { "127.0.0.1@" .. ENV_PROSODY_DNS_PORT };
	options = { ["do-not-query-localhost:"] = "no" };
}

VirtualHost "theirs.rig"

-- Its certificate is trusted, but made out to another name.
VirtualHost "misnamed.rig"
	ssl = {
		cafile = ENV_PROSODY_STATE .. "/ca.pem";
		certificate = ENV_PROSODY_STATE .. "/certs/other.example.crt";
		key = ENV_PROSODY_STATE .. "/certs/other.example.key";
	}
