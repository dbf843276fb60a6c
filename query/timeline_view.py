"""What the timeline draws, as columns: `GET /api/v1/timeline`.

The answer is a set of arrays of equal length per part ("columnar"), because 100,000 changes as objects are 10 MB and as
columns a third of a megabyte compressed. Names stand once, in `strings`; a column called `…` below holds indexes into
it where it says *string*. All times are whole milliseconds after `origin` (RFC 3339, = `from`); the order of the arrays
keeps what milliseconds cannot tell. Parameters: those of `/changes` (`from to cluster namespace kind name selector path
by q class noise first_sight`) and

- `width`: pixels; how many bins a lane has above `most` changes (default 1200, at most 4000).
- `most`: from how many changes on bins are given instead of marks (default 50,000, at most 200,000; 0 = always bins).
- `parts`: which of `lanes,marks,bars,overview` (default all). A wide overview beside a narrow view is a second question
  with `parts=overview`.
- `lanes=all|changed`: every object that lived in the window (default), or only those that changed, and their owners.

```
{ "from", "to": RFC 3339, "origin": RFC 3339, "span": ms, "now": ms | null (null: `to` is an instant in the past),
  "coverage": {…}, "hidden": {"noise", "first_sight"},          as in every answer
  "total": n,                                                     changes that match and are shown
  "mode": "marks" | "bins",
  "strings": ["", "prod-eu-1", "shop", …],
  "classes": ["status","metadata","create","spec","rollout","delete","drift"],    index = class code; higher wins
  "states":  ["exists","ready","terminating","progressing","failing"],            index = state code; higher is worse
  "lanes": { "cluster": [string], "namespace": [string], "kind": [string], "resource": [string, `deployments.apps`],
             "name": [string], "owner": [lane index or -1: the controller; owners may come after what they own],
             "changes": [shown changes in the window], "worst": [worst state code in the window],
             "state": [state code at `to`, -1 = gone], "note": [string: `3/4`, `CrashLoopBackOff`, at `to`],
             "last": [ms of the last shown change, -1 = none] },
  "lanes_left_out": n,                                            above 100,000 lanes: those that did not change
  "lives": { "lane": [lane], "uid": [text], "epoch": [number], "from": [ms, or null = before we looked],
             "to": [ms, or null = still there at `to`] },          sorted by lane, then time; between lives: gone
  "bars":  { "life": [life], "t": [ms, 0 = so at the start or since the life began], "state": [code],
             "note": [string] },                 sorted by life, then time; holds until the next of the life, or its end
  "marks": { "t": [ms after the mark before: DELTA], "life": [life], "class": [code], "op": [0 add 1 update 2 delete],
             "actor": [string], "human": [indexes of marks made by a person's tool],
             "seq": [seq minus that of the life's mark before (first: seq itself)],
             "error": {"mark": [index], "ms": [± of ts: draw a whisker to t - ms]},
             "epoch": {"mark": [index], "epoch": [number]},        only marks of another epoch than their life's
             "noise": [indexes of marks that are noise; only with noise=off] } | null,
  "bins":  { "width": ms per bin, "lane": [lane], "bin": [n], "count": [n], "class": [highest code], "human": [0|1] }
             sorted by lane, then bin | null,
  "overview": { "width": ms per column, "loud": [n], "quiet": [n] },   loud: spec, rollout, drift, delete, create
  "spans": [ {"class": "gap"|"late", "from": ms, "to": ms, "cluster", "resource" ("" = all), "namespace" ("" = all),
              "reason", "id"} ] }                                  where nobody was watching; the text is in `coverage`
```

In `bins` mode `bars` holds at most one per life and bin, the worst in it. `GET /api/v1/timeline/event?cluster&kind
&namespace&name&uid&epoch&seq` is the whole change behind a mark, as `/events/{id}` gives it. Drift marks are not in
here: they need a baseline (`/drift`).

States come from table `marks` (`schema/ddl`), which reads them from the object as it is inserted: conditions and status
of the well-known kinds, and generally what `metadata.deletionTimestamp`, `status.phase`, `status.conditions[type=Ready,
Available, Failed, Progressing]` and `observedGeneration` say. What has no health `exists`.
"""
