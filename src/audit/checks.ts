import type { Check } from "./Check.ts";
import { gitHistory } from "./checks/gitHistory.ts";
import { logs } from "./checks/logs.ts";
import { processExposure } from "./checks/processExposure.ts";
import { programValues } from "./checks/programValues.ts";
import { pulumiState } from "./checks/pulumiState.ts";
import { sealMaterial } from "./checks/sealMaterial.ts";
import { secretScan } from "./checks/secretScan.ts";
import { serviceAccountTokens } from "./checks/serviceAccountTokens.ts";
import { stateFolder } from "./checks/stateFolder.ts";
import { temporaryFiles } from "./checks/temporaryFiles.ts";

/** Every check of `dayzero audit`, in the order in which equal verdicts are told. */
export const checks: readonly Check[] = [
  serviceAccountTokens,
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
