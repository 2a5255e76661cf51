# Whoever reads one repository: one signed statement of who it is, and nothing else.
path "identity/oidc/token/git-reader-${repository}" {
  capabilities = ["read"]
}
