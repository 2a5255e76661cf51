import type { Check } from "./Check.ts";
import { auditDevice } from "./checks/auditDevice.ts";
import { controllerRbac } from "./checks/controllerRbac.ts";
import { credentialScope } from "./checks/credentialScope.ts";
import { renewalMargin } from "./checks/renewalMargin.ts";
import { repositorySecrets } from "./checks/repositorySecrets.ts";
import { serviceAccountTokens } from "./checks/serviceAccountTokens.ts";
import { trustedKeys } from "./checks/trustedKeys.ts";
import { vaultRoles } from "./checks/vaultRoles.ts";
import { vaultRoot } from "./checks/vaultRoot.ts";

/** Every check of `dayzero audit`, in the order in which equal verdicts are told. */
export const checks: readonly Check[] = [
  repositorySecrets,
  serviceAccountTokens,
  credentialScope,
  renewalMargin,
  controllerRbac,
  trustedKeys,
  vaultRoles,
  vaultRoot,
  auditDevice,
];
