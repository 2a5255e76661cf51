/**
 * Asks Argo CD to look at an Application now: `normal`, or `hard` to drop cached failures too. Argo CD takes it off when it has
 * taken the request up.
 *
 * Source: Argo CD, pkg/apis/application/v1alpha1 (AnnotationKeyRefresh)
 */
export const REFRESH_ANNOTATION = "argocd.argoproj.io/refresh";
