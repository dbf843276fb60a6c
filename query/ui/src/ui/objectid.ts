/** How an object is spelled in links: `prod-eu/shop/deployments.apps/web`, each part percent-encoded. */
export interface ObjectId {
  readonly cluster: string;
  /** "" = cluster-wide */
  readonly namespace: string;
  /** `deployments.apps` */
  readonly resource: string;
  readonly name: string;
}
export const objectId = (of: ObjectId): string => [of.cluster, of.namespace || "_", of.resource, of.name].map(each => encodeURIComponent(each)).join("/");
export function parseObjectId(text: string): ObjectId | undefined {
  const parts = text.split("/").map(each => { try { return decodeURIComponent(each); } catch { return each; } });
  const [cluster, namespace, resource, name] = parts;
  return parts.length === 4 && cluster && namespace && resource && name ? { cluster, namespace: namespace === "_" ? "" : namespace, resource, name } : undefined;
}
