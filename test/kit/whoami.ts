import { rawClient } from "./raw-https.ts";
import type { TestListener } from "./test-listener.ts";

/** Asks the API who it takes the sender for: username and groups, or the code of the refusal. */
export async function whoami(api: TestListener, headers: Readonly<Record<string, string>>, certificate?: Parameters<typeof rawClient>[2]): Promise<unknown> {
  const client = await rawClient(api.url, api.pki, certificate);
  try {
    const { code, text } = await client.send("/apis/authentication.k8s.io/v1/selfsubjectreviews", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }),
    });
    const { userInfo } = (JSON.parse(text) as { readonly status: { readonly userInfo?: { readonly username: string; readonly groups: readonly string[] } } }).status; // a review or a Status
    return userInfo === undefined ? code : [userInfo.username, ...userInfo.groups];
  } finally {
    client.close();
  }
}
