/** Where the cache's password lies below the state folder, alone in its file: Argo CD reads it from its environment. */
export const REDIS_PASSWORD_FILE = "etc/redis.password";

/**
 * Template of redis.conf for Argo CD's cache: loopback, nothing on disk, and only the commands that a cache needs; no
 * scripting, which is where the old versions that package registries carry were broken.
 */
export function redisConfiguration(port: number): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    "protected-mode yes",
    'save ""',
    "appendonly no",
    "dir data/redis",
    "maxmemory 64mb",
    "maxmemory-policy allkeys-lru",
    `user default on >{{file:${REDIS_PASSWORD_FILE}}} ~* &* -@all +@connection +@string +@keyspace +@pubsub -@dangerous`,
    "",
  ].join("\n");
}
