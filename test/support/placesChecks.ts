/** Ids of the checks that `test/e2e/auditPlaces.test.ts` makes fail. */
export const PLACES: readonly string[] = [
  "seal-material",
  "program-values",
  "pulumi-state",
  "process-exposure",
  "logs",
  "state-folder",
  "temporary-files",
  "git-history",
  "secret-scan",
];
