# Who converges the stack in a Vault of its own: the paths that dayzero manages, and no secret engine.
#
# It cannot write policies: those of the stack were written with the initial root token, before that was revoked, and another one is
# written with one from unseal shares (generate-root). It decides who is the stack's operator and its Git reader, cannot give a token any
# other policy, and is not as good as root. It may delete any entity, and says as whom the Vault signs (identity/oidc/config).

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

# And with this one.
path "auth/dayzero/${stack}/+/role/operator" {
  capabilities = ["create", "read", "update", "delete"]
  allowed_parameters = {
    "token_policies"              = [["dayzero.${stack}.operator"]]
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

# Logins leave entities, and they go with their generation.
path "identity/entity/id" {
  capabilities = ["list"]
}

path "identity/entity/id/*" {
  capabilities = ["delete"]
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
path "identity/oidc/config" {
  capabilities = ["create", "read", "update"]
}

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

# What `dayzero audit` looks at, and nothing that it could change: which tokens there are and what policies they have (an accessor tells of
# a token and is none), whether a root token is being generated, the audit devices, and who may log in at mounts that are not the stack's.
path "auth/token/accessors" {
  capabilities = ["list", "sudo"]
}

path "auth/token/lookup-accessor" {
  capabilities = ["update"]
}

path "sys/generate-root-token/attempt" {
  capabilities = ["read"]
}

path "sys/audit" {
  capabilities = ["read", "sudo"]
}

path "auth/+/config" {
  capabilities = ["read"]
}

path "auth/+/role/" {
  capabilities = ["list"]
}

path "auth/+/role/+" {
  capabilities = ["read"]
}
