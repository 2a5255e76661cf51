/** What Argo CD shows for a workload that this platform keeps but does not run. */
const STORED_MESSAGE = "stored; this platform has no kubelet";

/** Kinds whose health Argo CD reads from a status that a kubelet or a workload controller would write. */
const NEVER_READY = [
  "apps_DaemonSet",
  "apps_Deployment",
  "apps_ReplicaSet",
  "apps_StatefulSet",
  "autoscaling_HorizontalPodAutoscaler",
  "batch_Job",
  "networking.k8s.io_Ingress",
  "PersistentVolumeClaim",
  "Pod",
  "policy_PodDisruptionBudget",
];

const STORED = `return { status = "Healthy", message = "${STORED_MESSAGE}" }\n`;

/** Only a load balancer's address would come from outside; every other Service is complete as it is stored. */
const STORED_SERVICE = `if obj.spec.type == "LoadBalancer" then
  ${STORED}end
return { status = "Healthy" }
`;

/** Health checks (Lua, for argocd-cm) that call such kinds Healthy on a platform that reconciles and does not run them. */
export function storedHealth(): Record<string, string> {
  const checks: Record<string, string> = { "resource.customizations.health.Service": STORED_SERVICE };
  for (const kind of NEVER_READY) checks[`resource.customizations.health.${kind}`] = STORED;
  return checks;
}
