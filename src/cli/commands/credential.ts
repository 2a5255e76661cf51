import { resolve } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import {
  adminCredential,
  certificateCredential,
  type ExecCredential,
  tokenCredential,
} from "../../daemons/identity/execCredential.ts";
import { EXIT } from "../exitCodes.ts";
import type { Outcome, Run } from "../Run.ts";

/** `dayzero credential <kind>`: an exec plugin of Kubernetes clients; the credential goes to the pipe of who started it. */
export async function credential(
  run: Run,
  kind: string,
  subject: string | undefined,
  folder: string,
): Promise<Outcome> {
  if (run.columns !== undefined) {
    throw new DayzeroError("USAGE", "cannot show a credential on a terminal, which keeps what it shows", {
      hint: "kubectl asks for it by itself: export KUBECONFIG as dayzero status tells",
    });
  }
  const directory = resolve(run.workingDirectory, folder);
  const json = await mint(kind, subject, directory);
  return { exitCode: EXIT.ok, json, text: `${JSON.stringify(json)}\n` };
}

async function mint(kind: string, subject: string | undefined, directory: string): Promise<ExecCredential> {
  if (kind === "admin" && subject === undefined) return adminCredential({ directory });
  if (kind === "certificate" && subject === "kube-controller-manager")
    return certificateCredential({ directory, identity: subject });
  const [namespace, name, ...more] = subject?.split("/") ?? [];
  if (kind === "token" && namespace && name && more.length === 0)
    return tokenCredential({ directory, namespace, name });
  throw new DayzeroError(
    "USAGE",
    `cannot give out credential ${JSON.stringify([kind, subject].filter(Boolean).join(" "))}`,
    {
      hint: "known are admin, token <namespace>/<name> and certificate kube-controller-manager",
    },
  );
}
