# Whoever converges a stack against a Vault that others use too: what the operator of an embedded one may (operator.hcl), without
# the settings of the whole Vault. Bind it to the login that dayzero:vault names; ${stack} is the stack's name.

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

# Trust in a generation of the cluster.
path "sys/auth" {
  capabilities = ["read"]
}

path "sys/auth/jwt-*" {
  capabilities = ["create", "read", "update", "delete", "sudo"]
}

path "auth/jwt-*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# Logins leave entities, and they go with their generation.
path "identity/entity/id" {
  capabilities = ["list"]
}

path "identity/entity/id/*" {
  capabilities = ["delete"]
}

# Policies of this stack.
path "sys/policies/acl" {
  capabilities = ["list"]
}

path "sys/policies/acl/dayzero-${stack}-*" {
  capabilities = ["create", "read", "update", "delete"]
}

# Signed statements for the Git server.
path "identity/oidc/key" {
  capabilities = ["list"]
}

path "identity/oidc/key/*" {
  capabilities = ["read"]
}

path "identity/oidc/key/generation-*" {
  capabilities = ["create", "read", "update", "delete"]
}

path "identity/oidc/role" {
  capabilities = ["list"]
}

path "identity/oidc/role/*" {
  capabilities = ["read"]
}

path "identity/oidc/role/git-reader-*" {
  capabilities = ["create", "read", "update", "delete"]
}
