/** Short names of kinds, as kubectl prints them; for kinds of others, the resource in the singular. */
const SHORT: Readonly<Record<string, string>> = {
  pods: "po", deployments: "deploy", replicasets: "rs", statefulsets: "sts", daemonsets: "ds", replicationcontrollers: "rc",
  configmaps: "cm", secrets: "secret", services: "svc", endpoints: "ep", endpointslices: "eps", ingresses: "ing",
  namespaces: "ns", nodes: "no", persistentvolumes: "pv", persistentvolumeclaims: "pvc", serviceaccounts: "sa",
  jobs: "job", cronjobs: "cj", horizontalpodautoscalers: "hpa", poddisruptionbudgets: "pdb", networkpolicies: "netpol",
  customresourcedefinitions: "crd", storageclasses: "sc", events: "ev", resourcequotas: "quota", limitranges: "limits",
};

/** `deployments.apps` or `deployments` → `deploy`. */
export function shortKind(resource: string): string {
  const plain = resource.split(".")[0] ?? resource;
  return SHORT[plain] ?? plain.replace(/(ss|x|ch|sh)es$/, "$1").replace(/ies$/, "y").replace(/([^s])s$/, "$1");
}
export const resourceOf = (id: string): { resource: string; group: string } => {
  const dot = id.indexOf(".");
  return dot < 0 ? { resource: id, group: "" } : { resource: id.slice(0, dot), group: id.slice(dot + 1) };
};
/** What commands and links name an object by: `deploy/web`. */
export const refName = (resource: string, name: string): string => `${shortKind(resource)}/${name}`;
/** One word for a shell, quoted where it must be. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
