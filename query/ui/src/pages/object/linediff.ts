/** Which lines were taken away and which were put in (Myers, O(ND)), in hunks with context. Pure. */
export interface Edit {
  readonly kind: " " | "-" | "+";
  readonly text: string;
  /** Index in the old and the new lines; -1 where it is not there. */
  readonly a: number;
  readonly b: number;
}

const MOST = 4000;

export function lineDiff(a: readonly string[], b: readonly string[]): Edit[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const same = (n: number, m: number): Edit => ({ kind: " ", text: a[n]!, a: n, b: m });
  const found: Edit[] = [];
  for (let n = 0; n < head; n++) found.push(same(n, n));
  found.push(...middle(a, b, head, a.length - tail, b.length - tail));
  for (let n = tail; n > 0; n--) found.push(same(a.length - n, b.length - n));
  return found;
}

function middle(a: readonly string[], b: readonly string[], from: number, endA: number, endB: number): Edit[] {
  const n = endA - from, m = endB - from;
  const out = (k: number): Edit => ({ kind: "-", text: a[k]!, a: k, b: -1 }), put = (k: number): Edit => ({ kind: "+", text: b[k]!, a: -1, b: k });
  const replaced = () => [...Array.from({ length: n }, (_, k) => out(from + k)), ...Array.from({ length: m }, (_, k) => put(from + k))];
  if (!n || !m || n + m > MOST) return replaced();
  const size = n + m, reach = new Int32Array(2 * size + 2), trail: Int32Array[] = [];
  for (let d = 0; d <= size; d++) {
    trail.push(reach.slice());
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && reach[size + k - 1]! < reach[size + k + 1]!) ? reach[size + k + 1]! : reach[size + k - 1]! + 1;
      while (x < n && x - k < m && a[from + x] === b[from + x - k]) x++;
      reach[size + k] = x;
      if (x >= n && x - k >= m) return walk(trail, d, size, n, m, from, a, out, put);
    }
  }
  return replaced();
}

function walk(trail: readonly Int32Array[], steps: number, size: number, n: number, m: number, from: number, a: readonly string[], out: (k: number) => Edit, put: (k: number) => Edit): Edit[] {
  const found: Edit[] = [];
  let x = n, y = m;
  for (let d = steps; d >= 0; d--) {
    const reach = trail[d]!, k = x - y;
    const down = k === -d || (k !== d && reach[size + k - 1]! < reach[size + k + 1]!);
    const before = down ? k + 1 : k - 1, x0 = d === 0 ? 0 : reach[size + before]!, y0 = x0 - before;
    while (x > Math.max(x0, 0) && y > Math.max(y0, 0) && (d > 0 || (x > 0 && y > 0))) { x--; y--; found.push({ kind: " ", text: a[from + x]!, a: from + x, b: from + y }); }
    if (d > 0) { if (down) found.push(put(from + --y)); else found.push(out(from + --x)); }
  }
  return found.reverse();
}

/** Runs of edits with `around` equal lines beside them; `skipped` equal lines before each. */
export interface Hunk {
  readonly skipped: number;
  readonly edits: readonly Edit[];
}
export function hunks(edits: readonly Edit[], around = 3): Hunk[] {
  const near = new Uint8Array(edits.length);
  edits.forEach((each, n) => { if (each.kind !== " ") near.fill(1, Math.max(0, n - around), Math.min(edits.length, n + around + 1)); });
  const found: { skipped: number; edits: Edit[] }[] = [];
  let skipped = 0;
  edits.forEach((each, n) => {
    if (!near[n]) return void skipped++;
    if (!found.length || !near[n - 1]) { found.push({ skipped, edits: [] }); skipped = 0; }
    found.at(-1)!.edits.push(each);
  });
  return found;
}

/** The same edits in two columns: what was replaced stands beside what replaced it. */
export function pairs(edits: readonly Edit[]): (readonly [Edit | undefined, Edit | undefined])[] {
  const found: (readonly [Edit | undefined, Edit | undefined])[] = [];
  let olds: Edit[] = [], news: Edit[] = [];
  const flush = () => { for (let n = 0; n < Math.max(olds.length, news.length); n++) found.push([olds[n], news[n]]); olds = []; news = []; };
  for (const each of edits) {
    if (each.kind === "-") olds.push(each);
    else if (each.kind === "+") news.push(each);
    else { flush(); found.push([each, each]); }
  }
  flush();
  return found;
}
