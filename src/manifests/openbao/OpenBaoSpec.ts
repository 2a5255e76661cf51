import { SEAL_EGRESS_EXPECTED } from "../../config/existingRules.ts";
import { type Problem, problemsError } from "../../config/Problem.ts";

/** A place on the network as a NetworkPolicy names it. */
export interface NetworkPlace {
  /** `203.0.113.0/24` */
  readonly cidr: string;
  readonly port: number;
}

/** An external plugin, fetched by the server itself at its start and run only when its digest is the one that stands here. */
export interface SealPlugin {
  /** OCI repository, without a tag. */
  readonly image: string;
  readonly version: string;
  /** File in the image's root folder. */
  readonly binary: string;
  /** SHA-256 of that file, hex. */
  readonly sha256: string;
}

/**
 * Who unseals a node that starts.
 *
 * `shamir` means people: each pod by hand, with shares, after each restart; so it goes with one replica only. All others unseal by
 * themselves, by a key that is elsewhere. OpenBao 2.7 has `transit` built in; the clouds' seals are external plugins.
 */
export type Seal =
  | { readonly type: "shamir" }
  | {
      readonly type: "transit" | "awskms" | "gcpckms" | "azurekeyvault";
      /** Parameters of the seal's stanza. Never a credential: that comes by workload identity or from `environmentSecret`. */
      readonly settings: Readonly<Record<string, string>>;
      /** For a seal that is not built in. */
      readonly plugin?: SealPlugin;
      /** Name of a Secret in the namespace, made by the person; each of its keys becomes an environment variable of the server. */
      readonly environmentSecret?: string;
      /** Workload identity: `eks.amazonaws.com/role-arn`, `iam.gke.io/gcp-service-account`, `azure.workload.identity/client-id`. */
      readonly serviceAccountAnnotations?: Readonly<Record<string, string>>;
      /** Workload identity of Azure: `azure.workload.identity/use: "true"`. */
      readonly podLabels?: Readonly<Record<string, string>>;
      /** Where the seal is, and the plugin's registry: nothing else outside the cluster can be reached. */
      readonly egress: readonly NetworkPlace[];
    };

/** OpenBao in a cluster. Holds no credential. */
export interface OpenBaoSpec {
  readonly namespace: string;
  /** With a digest: `…@sha256:…`. */
  readonly image: string;
  /** Odd, so that a majority is more than half. */
  readonly replicas: number;
  /** Size of each node's data volume: `10Gi`. */
  readonly storage: string;
  readonly storageClass?: string;
  readonly seal: Seal;
  /** Who may connect to port 8200. */
  readonly access: {
    /** By namespace. */
    readonly namespaces: readonly string[];
    /** By address: where the operator and the load balancer come from. */
    readonly networks: readonly string[];
  };
}

/** Rules of OpenBao and of the cluster. Throws `STACK_INVALID` with every problem; paths are below the spec. */
export function assertOpenBaoSpec(spec: OpenBaoSpec): void {
  const problems = problemsOf(spec);
  if (problems.length > 0) throw problemsError("cannot install openbao", problems);
}

/** Parameters of seals that are credentials (https://openbao.org/docs/configuration/seal/). */
const CREDENTIALS = /^(token|access_key|secret_key|session_token|client_secret|credentials|password|pin)$/;

function problemsOf({ image, replicas, seal }: OpenBaoSpec): Problem[] {
  const problems: Problem[] = [];
  const problem = (path: string, message: string, seen?: unknown) => problems.push({ path, message, seen });
  if (!/@sha256:[0-9a-f]{64}$/.test(image)) problem("image", "expected an image with its digest (…@sha256:…)", image);
  if (replicas % 2 !== 1) problem("replicas", "expected an odd number: a majority decides", replicas);
  if (seal.type === "shamir") {
    // With more nodes than one, a person would have to go to each pod with shares after each of its restarts.
    if (replicas !== 1)
      problem("replicas", "expected 1 with seal shamir (a seal that unseals by itself takes 3)", replicas);
    return problems;
  }
  for (const name of Object.keys(seal.settings).filter((name) => CREDENTIALS.test(name))) {
    problems.push({
      path: `seal.settings.${name}`,
      message: "a credential is not taken (environmentSecret, or an identity)",
    });
  }
  if (seal.type !== "transit" && seal.plugin === undefined) {
    problem("seal.plugin", `expected image, version, binary and sha256: ${seal.type} is not built in`);
  }
  if (seal.plugin !== undefined && !/^[0-9a-f]{64}$/.test(seal.plugin.sha256)) {
    problem("seal.plugin.sha256", "expected a SHA-256 in hexadecimal", seal.plugin.sha256);
  }
  if (seal.egress.length === 0) problem("seal.egress", SEAL_EGRESS_EXPECTED);
  return problems;
}
