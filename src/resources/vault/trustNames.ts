export { GIT_READER, VAULT_AUDIENCE } from "../../manifests/vault/trustNames.ts";
