import { expect, test } from "vitest";
import { MissingObject, type CommitInfo, type GitObjects } from "../../../../engine/gitops/git/git-source.ts";
import { findNewCommits } from "../../../../engine/gitops/sync/new-commits.ts";

const commit = (id: string, ...parents: readonly string[]): CommitInfo => ({ id, parents, tree: "t", message: id, author: "Ada", time: 0 });
/** `a1` to `a<count>`, one behind the other, the first one on `from`. */
const line = (name: string, count: number, ...from: readonly string[]) => Array.from({ length: count }, (_, index) => commit(`${name}${index + 1}`, ...(index === 0 ? from : [`${name}${index}`])));

async function find(history: readonly CommitInfo[], known: string | undefined) {
  const commits = new Map(history.map((one) => [one.id, one]));
  const read = async (id: string) => commits.get(id) ?? Promise.reject(new MissingObject(id));
  const { added, allowing } = await findNewCommits({ commit: read } as GitObjects, history.at(-1) ?? commit(""), known); // it reads commits alone
  return { added: added.map(({ id, parents }) => `${id} ${parents.join()}`.trim()), allowing: allowing.map(({ id }) => id) };
}

test("a push adds what leads to the known commit, also around a merge", async () => {
  const old = [...line("old", 5), commit("side", "old2"), commit("known", "old5", "side")];
  expect(await find([...old, ...line("n", 2, "known")], "known")).toEqual({ added: ["n2 n1", "n1 known"], allowing: ["n2", "n1"] });
  expect((await find([...old, ...line("n", 2, "side"), commit("merge", "known", "n2")], "known")).allowing).toEqual(["merge", "n2", "n1"]);
  expect(await find(old, "known")).toEqual({ added: ["known old5,side"], allowing: ["known"] });
  expect(await find(old, undefined)).toEqual({ added: ["known old5,side"], allowing: ["known"] });
  expect((await find(line("n", 200, "known"), "known")).allowing).toHaveLength(200);
});

test("of more commits than are read the newest stands for all that was changed, also where the known one is met at once", async () => {
  expect(await find(line("n", 201, "known"), "known")).toEqual({ added: ["n201 known"], allowing: ["n201"] });
  const merged = await find([commit("known"), ...line("n", 250, "known"), commit("merge", "known", "n250")], "known");
  expect(merged.added).toEqual(["merge known"]);
  expect(merged.allowing).toHaveLength(200);
});

test("of a history that was rewritten all that is new is added, however long it is, and only the newest allows anything", async () => {
  for (const length of [3, 300]) {
    const rewritten = [...line("old", length), commit("known", `old${length}`), ...line("n", 2, `old${length - 1}`)];
    expect(await find(rewritten, "known")).toEqual({ added: ["n2 n1", `n1 old${length - 1}`], allowing: ["n2"] });
  }
  expect(await find([commit("known"), ...line("other", 2)], "known")).toEqual({ added: ["other2 other1", "other1"], allowing: ["other2"] });
});
