/** One object in a link: `of=prod-eu/shop/deployments.apps/web`. Its own parameter, so that it does not become a filter. */
import { type ObjectId, objectId } from "../ui/objectid";
import { href, type Params } from "./url";

export { objectId, parseObjectId, type ObjectId } from "../ui/objectid";

/** A link to the object page. `more`: `at`, `uid`, `a`, `b`, `tab` … */
export const objectHref = (of: ObjectId, more: Params = {}): string => href("object", { of: objectId(of), ...more });
