/**
 * Level `restricted` of the Pod Security Standards, at the version whose rules our pods are tested against.
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export const RESTRICTED_NAMESPACE_LABELS = {
  "pod-security.kubernetes.io/enforce": "restricted",
  "pod-security.kubernetes.io/enforce-version": "v1.36",
} as const;

/** Numeric, so that the kubelet can tell without the image that it is not root. */
const USER = 65532;

/** Security context of a pod; its volumes belong to the user. */
export const RESTRICTED_POD = {
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  fsGroup: USER,
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
} as const;

/** Security context of a container: what it may write is its volumes. */
export const RESTRICTED_CONTAINER = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
} as const;
