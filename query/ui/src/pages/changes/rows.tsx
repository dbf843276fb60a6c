/** The virtual table: rows of four sorts, one of them with cells. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useEffect, useReducer, useRef } from "preact/hooks";
import type { Row, SortKey } from "./grouping";

type Of<T extends Row["type"]> = Extract<Row, { type: T }>;
export interface RowsProps {
  readonly listed: readonly Row[];
  readonly chosen: number;
  readonly sort: SortKey;
  readonly descending: boolean;
  readonly zoneName: string;
  readonly onSort: (id: SortKey) => void;
  readonly onChoose: (index: number) => void;
  readonly group: (row: Of<"group">) => ComponentChildren;
  readonly change: (row: Of<"change">) => ComponentChildren;
  readonly more: (row: Of<"more">) => ComponentChildren;
  readonly gap: (row: Of<"gap">) => ComponentChildren;
}
const HEIGHTS: Readonly<Record<Row["type"], number>> = { group: 33, change: 48, more: 29, gap: 46 };

export function Rows(props: RowsProps) {
  const { listed, chosen, sort, descending, onSort } = props;
  const box = useRef<HTMLDivElement>(null);
  const [, draw] = useReducer<number, void>(n => n + 1, 0);
  const made = useRef<Virtualizer<HTMLDivElement, HTMLTableRowElement>>(undefined);
  const options = {
    count: listed.length, getScrollElement: () => box.current, estimateSize: (n: number) => HEIGHTS[listed[n]?.type ?? "change"], overscan: 16,
    getItemKey: (n: number) => `${listed[n]?.type} ${listed[n]?.key}`, observeElementRect, observeElementOffset, scrollToFn: elementScroll, onChange: () => draw(),
  };
  made.current ??= new Virtualizer<HTMLDivElement, HTMLTableRowElement>(options);
  const virtual = made.current;
  virtual.setOptions({ ...virtual.options, ...options });
  useEffect(() => { const stop = virtual._didMount(); virtual._willUpdate(); draw(); return stop; }, []);
  useEffect(() => virtual._willUpdate());
  useEffect(() => { if (chosen >= 0) virtual.scrollToIndex(chosen, { align: "auto" }); }, [chosen]);
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0, after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  const head = (id: SortKey, name: string, cls: string) => (
    <th scope="col" class={cls} aria-sort={sort === id ? (descending ? "descending" : "ascending") : undefined}><button type="button" onClick={() => onSort(id)}>{name}{sort === id ? (descending ? " ↓" : " ↑") : ""}</button></th>
  );
  return (
    <div class="sheet scroll table" ref={box} tabIndex={0} role="region" aria-label="Changes">
      <table aria-rowcount={listed.length + 1}>
        <thead><tr>{head("time", `Time (${props.zoneName})`, "at")}<th scope="col" class="g"><span class="sr">Class</span></th>{head("object", "Object", "obj")}<th scope="col" class="what">Change</th>{head("by", "By", "by")}</tr></thead>
        <tbody>
          {before > 0 && <tr class="spacer" aria-hidden="true"><td colSpan={5} style={{ height: `${before}px` }} /></tr>}
          {items.map(item => {
            const row = listed[item.index];
            if (!row) return null;
            const cls = `${row.type}row ${item.index === chosen ? "chosen" : ""} ${row.type === "change" && row.inside ? "inside" : ""}`;
            return (
              <tr key={item.key as string} class={cls} data-index={item.index} aria-rowindex={item.index + 2} ref={node => { if (node) virtual.measureElement(node); }} onClick={() => props.onChoose(item.index)}>
                {row.type === "change" ? props.change(row) : row.type === "more" ? <><td class="at" /><td class="g" /><td colSpan={3}>{props.more(row)}</td></>
                  : <td colSpan={5}>{row.type === "group" ? props.group(row) : props.gap(row)}</td>}
              </tr>
            );
          })}
          {after > 0 && <tr class="spacer" aria-hidden="true"><td colSpan={5} style={{ height: `${after}px` }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}
