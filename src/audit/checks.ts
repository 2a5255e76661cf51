import type { Check } from "./Check.ts";
import { auditDevice } from "./checks/auditDevice.ts";
import { controllerRbac } from "./checks/controllerRbac.ts";
import { credentialScope } from "./checks/credentialScope.ts";
import { gitHistory } from "./checks/gitHistory.ts";
import { logs } from "./checks/logs.ts";
import { processExposure } from "./checks/processExposure.ts";
import { programValues } from "./checks/programValues.ts";
import { pulumiState } from "./checks/pulumiState.ts";
import { renewalMargin } from "./checks/renewalMargin.ts";
import { repositorySecrets } from "./checks/repositorySecrets.ts";
import { sealMaterial } from "./checks/sealMaterial.ts";
import { secretScan } from "./checks/secretScan.ts";
import { serviceAccountTokens } from "./checks/serviceAccountTokens.ts";
import { stateFolder } from "./checks/stateFolder.ts";
import { temporaryFiles } from "./checks/temporaryFiles.ts";
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
  sealMaterial,
  programValues,
  pulumiState,
  processExposure,
  logs,
  stateFolder,
  temporaryFiles,
  gitHistory,
  secretScan,
];
