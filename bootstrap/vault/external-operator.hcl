# Whoever converges a stack against a Vault that others use too. Bind it to the login that dayzero:vault names; ${stack} is the stack's
# name. The Vault's owner also writes git-reader.hcl, as the policy dayzero.${stack}.git-reader: this one cannot write policies.
#
# It decides who is the stack's Git reader, and so who gets statements signed by this Vault for audiences that begin with
# dayzero/${stack}/. It cannot give a token any other policy, reach another stack's or anybody else's mounts, keys and roles, or read a
# secret engine: it is not as good as root. Beyond the stack it sees names only: of auth mounts (with their settings), policies, OIDC
# keys and roles; and whether somebody is generating a root token. It cannot delete the entities that logins leave: they stay, and without their mount are good for nothing.

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# Trust in the generations of the cluster: JWT auth mounts below dayzero/${stack}/, and the public keys that each trusts. Vault fetches
# no keys from anywhere.
path "sys/auth" {
  capabilities = ["read"]
}

path "sys/auth/dayzero/${stack}/+" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
  allowed_parameters = {
    "type"        = ["jwt"]
    "description" = []
  }
}

path "sys/auth/dayzero/${stack}/+/tune" {
  capabilities = ["create", "update", "sudo"]
  allowed_parameters = {
    "description" = []
  }
}

path "auth/dayzero/${stack}/+/config" {
  capabilities = ["create", "read", "update"]
  allowed_parameters = {
    "jwt_validation_pubkeys" = []
    "bound_issuer"           = []
    "jwt_supported_algs"     = []
    "jwks_url"               = [""]
    "jwks_ca_pem"            = [""]
    "oidc_discovery_url"     = [""]
    "oidc_discovery_ca_pem"  = [""]
    "oidc_client_id"         = [""]
    "default_role"           = [""]
    "provider_config"        = [{}]
  }
}

path "auth/dayzero/${stack}/+/role/" {
  capabilities = ["list"]
}

path "auth/dayzero/${stack}/+/role/+" {
  capabilities = ["read", "delete"]
}

# Who logs in there, and what as: with the policy of the stack's Git reader, and no other.
path "auth/dayzero/${stack}/+/role/git-reader" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "token_policies"              = [["dayzero.${stack}.git-reader"]]
    "token_no_default_policy"     = [true]
    "token_type"                  = ["service"]
    "role_type"                   = ["jwt"]
    "groups_claim"                = [""]
    "bound_subject"               = []
    "bound_audiences"             = []
    "bound_claims"                = []
    "bound_claims_type"           = []
    "claim_mappings"              = []
    "user_claim"                  = []
    "user_claim_json_pointer"     = []
    "clock_skew_leeway"           = []
    "expiration_leeway"           = []
    "not_before_leeway"           = []
    "max_age"                     = []
    "token_num_uses"              = []
    "token_ttl"                   = []
    "token_max_ttl"               = []
    "token_explicit_max_ttl"      = []
    "token_period"                = []
    "token_bound_cidrs"           = []
    "verbose_oidc_logging"        = [false]
  }
}

# Policies of this stack: the Git reader's may be taken away, and none be changed.
path "sys/policies/acl" {
  capabilities = ["list"]
}

path "sys/policies/acl/dayzero.${stack}.*" {
  capabilities = ["read"]
}

path "sys/policies/acl/dayzero.${stack}.git-reader" {
  capabilities = ["read", "delete"]
}

# Signed statements for the Git server: for audiences that begin with dayzero/${stack}/, and no others.
path "identity/oidc/key" {
  capabilities = ["list"]
}

path "identity/oidc/key/dayzero.${stack}.*" {
  capabilities = ["create", "read", "update", "delete"]
}

path "identity/oidc/role" {
  capabilities = ["list"]
}

path "identity/oidc/role/dayzero.${stack}.*" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "key"       = ["dayzero.${stack}.*"]
    "client_id" = ["dayzero/${stack}/*"]
    "ttl"       = []
    "template"  = []
  }
}

# `dayzero audit` asks whether somebody generates a root token.
path "sys/generate-root-token/attempt" {
  capabilities = ["read"]
}

# It looks at more where the Vault's owner lets it: which tokens there are and what policies they have (an accessor tells of a token and is
# none), and the audit devices with their settings. That is beyond the stack, so it is for the owner to give; without it the audit says
# what it could not see.
#
# path "auth/token/accessors" {
#   capabilities = ["list", "sudo"]
# }
#
# path "auth/token/lookup-accessor" {
#   capabilities = ["update"]
# }
#
# path "sys/audit" {
#   capabilities = ["read", "sudo"]
# }
