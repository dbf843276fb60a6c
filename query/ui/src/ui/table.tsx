/** A real table whose rows are drawn only where they can be seen: spacer rows stand for the others. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useEffect, useReducer, useRef } from "preact/hooks";

export interface Column<T> {
  readonly id: string;
  readonly head: ComponentChildren;
  readonly cell: (row: T, index: number) => ComponentChildren;
  readonly class?: string;
  /** Makes the head a button. */
  readonly sortable?: boolean;
}
export interface TableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T, index: number) => string;
  /** Pixels; rows that turn out otherwise are measured. */
  readonly rowHeight?: number;
  readonly sort?: { readonly id: string; readonly descending: boolean };
  readonly onSort?: (id: string) => void;
  readonly onChoose?: (row: T, index: number) => void;
  readonly chosen?: number;
  readonly rowClass?: (row: T) => string;
}

export function Table<T>({ label, columns, rows, rowKey, rowHeight = 29, sort, onSort, onChoose, chosen = -1, rowClass }: TableProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [, draw] = useReducer<number, void>(n => n + 1, 0);
  const made = useRef<Virtualizer<HTMLDivElement, HTMLTableRowElement>>(undefined);
  const options = {
    count: rows.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 12,
    observeElementRect, observeElementOffset, scrollToFn: elementScroll, onChange: () => draw(),
  };
  made.current ??= new Virtualizer<HTMLDivElement, HTMLTableRowElement>(options);
  const virtual = made.current;
  virtual.setOptions({ ...virtual.options, ...options });
  useEffect(() => {
    const stop = virtual._didMount();
    virtual._willUpdate();
    draw();
    return stop;
  }, []);
  useEffect(() => virtual._willUpdate());
  useEffect(() => { if (chosen >= 0) virtual.scrollToIndex(chosen, { align: "auto" }); }, [chosen]);
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <div class="scroll table" ref={box} tabIndex={0} role="region" aria-label={label}>
      <table aria-rowcount={rows.length + 1}>
        <thead><tr>{columns.map(each => (
          <th key={each.id} scope="col" class={each.class} aria-sort={sort?.id === each.id ? (sort.descending ? "descending" : "ascending") : undefined}>
            {each.sortable && onSort ? <button type="button" onClick={() => onSort(each.id)}>{each.head}{sort?.id === each.id ? (sort.descending ? " ↓" : " ↑") : ""}</button> : each.head}
          </th>
        ))}</tr></thead>
        <tbody>
          {before > 0 && <tr class="spacer" aria-hidden="true"><td colSpan={columns.length} style={{ height: `${before}px` }} /></tr>}
          {items.map(item => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              <tr key={rowKey(row, item.index)} data-index={item.index} aria-rowindex={item.index + 2} ref={node => { if (node) virtual.measureElement(node); }}
                class={`${item.index === chosen ? "chosen" : ""} ${rowClass?.(row) ?? ""}`.trim()} aria-selected={onChoose ? item.index === chosen : undefined}
                onClick={() => onChoose?.(row, item.index)}>
                {columns.map(each => <td key={each.id} class={each.class}>{each.cell(row, item.index)}</td>)}
              </tr>
            );
          })}
          {after > 0 && <tr class="spacer" aria-hidden="true"><td colSpan={columns.length} style={{ height: `${after}px` }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}
