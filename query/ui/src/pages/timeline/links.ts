/** Links out of the timeline. */
import { objectHref } from "../../state/object";
import { href, param } from "../../state/url";
import type { Row } from "../../timeline/rows";
import * as stage from "../../timeline/stage";

export function objectLink(row: Row, at: number | undefined, more: Record<string, string> = {}): string {
  if (!row.lane) return href("timeline");
  return objectHref(row.lane, { at: at === undefined ? "" : new Date(at).toISOString(), ...more });
}

/** Go there as a click on a plain link would. */
export function follow(address: string): void {
  const link = document.createElement("a");
  link.href = address;
  document.body.append(link);
  link.click();
  link.remove();
}
export const openObject = (row: Row): void => follow(objectLink(row, stage.head.peek()));

/** Between the pins (else the edges of the window and the play-head): of the chosen object, or of the whole scope. */
export function diffLink(): string {
  const row = stage.rows.peek()[stage.chosenIndex.peek()];
  const pins = { a: param("a") || new Date(stage.range.peek().t0).toISOString(), b: param("b") || new Date(stage.at.peek()).toISOString() };
  if (row?.lane) return objectLink(row, stage.head.peek(), { ...pins, tab: "diff" });
  return href("compare", row?.type === "namespace" ? { ...pins, ns: row.label === "cluster-wide" ? "_" : row.label } : pins);
}
