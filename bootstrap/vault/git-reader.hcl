# Whoever reads the stack's repository: one signed statement of who it is, and nothing else.
path "identity/oidc/token/dayzero.${stack}.*" {
  capabilities = ["read"]
}
