import path from "node:path";
import type { Client } from "../../client/client.ts";
import type { Logger } from "../../lib/log.ts";
import type { GitSource } from "../git/git-source.ts";
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
  const environment = async () => {
    const given = await access();
    const isNeeded = [given.password, given.bearerToken, given.ca, given.identity, given.knownHosts].some((value) => value !== undefined);
    return isNeeded ? gitAccessEnvironment(given, path.join(path.dirname(gitDir), `${path.basename(gitDir, ".git")}.access`)) : undefined;
  };
  return openRemoteSource({
    gitDir,
    url,
    branch: revision,
    transport: openRemoteTransport(gitDir, url, environment),
    logger,
    ...(pollIntervalMs === undefined ? {} : { pollIntervalMs }),
  });
}
