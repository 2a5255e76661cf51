/** Label that names the stack an object belongs to. */
export const STACK_LABEL = "dayzero.dev/stack";

/** On a desired object: take over one that somebody else made. */
export const ADOPT_ANNOTATION = "dayzero.dev/adopt";

/** On an object whose program declared it with `protect`. */
export const PROTECT_ANNOTATION = "dayzero.dev/protect";

/** On a desired Secret: its data is no secret (Argo CD keeps settings in Secrets), so it may be kept in Pulumi state. */
export const NO_CREDENTIAL_ANNOTATION = "dayzero.dev/holds-no-credential";

/** In which `kubectl apply` keeps a copy of all that it applied. */
export const LAST_APPLIED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";

/** On the desired Application: the commit, by its full id, at which it has to be Synced and Healthy before it counts as ready. */
export const AWAIT_REVISION_ANNOTATION = "dayzero.dev/await-revision";

/** Where Dayzero's own service accounts, Leases and inventories are. */
export const DAYZERO_NAMESPACE = "dayzero-system";
