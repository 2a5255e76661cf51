# Who converges the stack: the paths that dayzero manages, and no secret engine.
#
# It writes the policies and roles of its stack, so it could give itself what such a policy may say; short of that it cannot
# make a root token (that takes unseal shares), change this policy, or reach what is not named here.

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
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

# Policies of this stack; its own it may only read.
path "sys/policies/acl" {
  capabilities = ["list"]
}

path "sys/policies/acl/dayzero-${stack}-*" {
  capabilities = ["create", "read", "update", "delete"]
}

path "sys/policies/acl/dayzero-${stack}-operator" {
  capabilities = ["read"]
}

# Signed statements for the Git server.
path "identity/oidc/config" {
  capabilities = ["create", "read", "update"]
}

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
