import path from "node:path";
import type { Client } from "../../client/client.ts";
import type { Logger } from "../../lib/log.ts";
import type { GitSource } from "../git/git-source.ts";
import { parseRemoteAddress } from "../git/remote-address.ts";
import { openRemoteSource } from "../git/remote-source.ts";
import { openRemoteTransport } from "../git/remote-transport.ts";
import { gitAccessEnvironment, readRepositoryAccess, type RepositoryAccess } from "../git/repository-access.ts";

/** What a Secret (`namespace/name`) says about a repository, as it is at each call; nothing when none is named. */
export function accessOf(client: Client, secret: string | undefined): () => Promise<RepositoryAccess> {
  return () => (secret === undefined ? Promise.resolve({}) : readRepositoryAccess(client, secret));
}

export interface RemoteOptions {
  readonly url: string;
  /** A branch, or `tag:…`, `semver:…`, `commit:…`. */
  readonly revision: string;
  /** The mirror to fetch into. */
  readonly gitDir: string;
  readonly access: () => Promise<RepositoryAccess>;
  readonly pollIntervalMs?: number | undefined;
  readonly logger: Logger;
}

/** A repository elsewhere, reached with what its Secret holds at the moment. */
export function openRemote({ url, revision, gitDir, access, pollIntervalMs, logger }: RemoteOptions): Promise<GitSource> {
  const address = parseRemoteAddress(url);
  const environment = async () =>
    gitAccessEnvironment(
      { ...address.credentials, ...(await access()) },
      address.url,
      path.join(path.dirname(gitDir), `${path.basename(gitDir, ".git")}.access`),
    );
  return openRemoteSource({
    gitDir,
    url: address.url,
    branch: revision,
    transport: openRemoteTransport(gitDir, address, environment),
    logger,
    ...(pollIntervalMs === undefined ? {} : { pollIntervalMs }),
  });
}
