/** The user name under which an OIDC token is presented as the password of basic authentication. */
export const GIT_USERNAME = "oidc";
