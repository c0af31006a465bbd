import type { Forge } from "./forge.ts";
import { allPages, isSameNumber, numberOf, textOf, type ForgeHttp } from "./forge-http.ts";

/** GitLab's API v4. A project is one encoded segment; a request has an id within it; a status that is set again unchanged is an error of the state machine. */
export function gitlabForge(project: string, http: ForgeHttp): Forge {
  const base = `/projects/${encodeURIComponent(project)}`;
  const states = { pending: "pending", success: "success", failure: "failed", superseded: "canceled" } as const;
  return {
    commentMax: 1_000_000,
    async openRequests(signal) {
      const requests = await allPages(http, `${base}/merge_requests?state=opened`, signal);
      return requests.map(({ iid, sha, target_branch, labels, source_project_id, target_project_id }) => ({
        number: numberOf(iid),
        head: textOf(sha),
        base: textOf(target_branch),
        labels: Array.isArray(labels) ? labels.map(textOf) : [],
        isOfFork: !isSameNumber(source_project_id, target_project_id),
      }));
    },
    async comments(request, signal) {
      const notes = await allPages(http, `${base}/merge_requests/${request}/notes?sort=asc&order_by=created_at`, signal);
      return notes.filter((note) => note["system"] !== true).map(({ id, body }) => ({ id: numberOf(id), body: textOf(body) }));
    },
    addComment: async (request, body, signal) => void (await http.send("POST", `${base}/merge_requests/${request}/notes`, { body }, signal)),
    editComment: async (request, id, body, signal) => void (await http.send("PUT", `${base}/merge_requests/${request}/notes/${id}`, { body }, signal)),
    async setStatus({ commit, context, state, description }, signal) {
      try {
        await http.send("POST", `${base}/statuses/${commit}`, { state: states[state], name: context, description }, signal);
      } catch (error) {
        // It is there already: said before a restart. Or it is of a commit on no branch, as a fork's is: it would belong to the fork's project.
        if (!/Cannot transition status|References for commit/.test(String(error))) throw error;
      }
    },
  };
}
