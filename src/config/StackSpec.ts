import type { SealEgress, SealExtras, SealType } from "./stackSchema.ts";

export interface RepositorySpec {
  /** DNS label; names the bare repository, its Secret and its Vault role. */
  readonly name: string;
  /** Absolute folder or URL of the user's own repository; a scaffold is made without it. */
  readonly source?: string;
  /** Without it: the one that the source calls its own. */
  readonly branch?: string;
  readonly path: string;
}

/** How a Vault that Dayzero initializes is sealed. */
export interface SealingSpec {
  /** age recipients of the unseal shares; none: a local identity is made and listed as residual. */
  readonly recipients: readonly string[];
  readonly shares: number;
  readonly threshold: number;
}

export interface CommonSpec {
  readonly stack: string;
  /** Absolute folder of the stacks' state, where the configuration names one. */
  readonly state?: string;
  /** Config of other packages, as Pulumi hands it to a program. */
  readonly foreign: Readonly<Record<string, string>>;
}

/** The embedded platform: everything as processes of this machine. */
export interface LocalSpec extends CommonSpec {
  readonly program: "local";
  readonly repository: RepositorySpec;
  readonly vault: SealingSpec;
}

/** GitOps on a cluster that is there. */
export interface ExistingSpec extends CommonSpec {
  readonly program: "existing";
  readonly cluster: ClusterSpec;
  readonly vault: ExternalVaultSpec | InClusterVaultSpec;
  readonly repository: RemoteRepositorySpec;
  readonly gitops: GitOpsSpec;
}

/** All that a stack is told from outside, checked; everything else is found. Holds no secret. */
export type StackSpec = LocalSpec | ExistingSpec;

export interface ClusterSpec {
  /** Absolute path. */
  readonly kubeconfig: string;
  /** Without it: the file's current one. */
  readonly context?: string;
}

/** A repository that the controller in the cluster fetches. */
export interface RemoteRepositorySpec {
  /** DNS label; names its Secret and its Vault role. */
  readonly name: string;
  /** `https` URL without a credential. */
  readonly source: string;
  /** Without it: the one that the source calls its own. */
  readonly branch?: string;
  readonly path: string;
  /** PEM; without it the system's roots count. */
  readonly ca?: string;
}

/** How the person (or their CI) logs in to a Vault of their own. */
export type VaultLogin =
  | { readonly method: "jwt"; readonly mount: string; readonly role: string; readonly tokenFile: string }
  | {
      readonly method: "kubernetes";
      readonly mount: string;
      readonly role: string;
      /** `<namespace>/<name>` */
      readonly serviceAccount: string;
    }
  /** Asked for on the terminal, used in memory, never kept. */
  | { readonly method: "token" };

export interface ExternalVaultSpec {
  readonly kind: "external";
  /** `https://host[:port]` */
  readonly address: string;
  /** PEM; without it the system's roots count. */
  readonly ca?: string;
  readonly login: VaultLogin;
}

/** Never holds a credential. */
export type SealSpec =
  | { readonly type: "shamir" }
  | ({
      readonly type: SealType;
      readonly settings: Readonly<Record<string, string>>;
      /** Where the seal is, and the registry of its plugin. */
      readonly egress: SealEgress;
    } & SealExtras);

export interface InClusterVaultSpec extends SealingSpec {
  readonly kind: "in-cluster";
  /** How it is reached from here: `https://host[:port]` */
  readonly address: string;
  readonly install: {
    readonly namespace: string;
    /** OpenBao's, with a digest: a mirror of the one that is used without it. */
    readonly image?: string;
    readonly replicas: number;
    /** Kubernetes quantity. */
    readonly storage: string;
    readonly storageClass?: string;
    /** CIDRs that the operator and a load balancer come from. */
    readonly networks: readonly string[];
    readonly seal: SealSpec;
  };
}

/** An Argo CD that is installed, or one of somebody else whose credential is taken over. */
export type GitOpsSpec = {
  /** Dayzero's image, with a digest: runs as the agent that renews the Git credential. Without it, the person runs one themselves. */
  readonly agentImage?: string;
} & (
  | { readonly variant: "core" | "ha"; readonly adopt?: never }
  /** Name of the Secret that held a personal access token when the stack came; it stays here as the record of it. */
  | { readonly adopt: string; readonly variant?: never }
);

/** What the person said of the repository on the command line. */
export interface RepositoryChoice {
  readonly source?: string;
  readonly branch?: string;
  readonly path?: string;
}
