-- Which upstreams not to use, by the flags that Sluice keeps in Redis. See docs/readers.md.
-- Debian: libnginx-mod-http-lua, lua-nginx-redis. One worker polls once a second; all read what it found from a
-- shared dictionary, whose entries end with the lease: without Redis, what was known holds for that long.
local redis = require "nginx.redis"
local M = {}

local function poll(premature, options)
  if premature then return end
  local client = redis:new()
  client:set_timeout(500)
  if not client:connect(options.redis_host, options.redis_port) then return end
  for _, server in ipairs(options.servers) do
    local key = options.key:gsub("{target}", (server.target:gsub("%%", "%%%%")))
    local left_ms = client:pttl(key)
    if not left_ms then return end
    if left_ms == -1 then left_ms = (options.ttl or 30) * 1000 end -- it does not expire: somebody set it by hand
    if left_ms > 0 then
      ngx.shared.sluice:set(server.target, true, left_ms / 1000)
    else
      ngx.shared.sluice:delete(server.target)
    end
  end
  client:set_keepalive(10000, 1)
end

-- In init_worker_by_lua: options = {redis_host, redis_port, key, ttl (seconds, 30), servers = {{target, host, port}, ...}}
function M.start(options)
  M.servers = options.servers
  if ngx.worker.id() == 0 then
    ngx.timer.at(0, poll, options)
    ngx.timer.every(1, poll, options)
  end
end

-- In balancer_by_lua: the next server that may be used; any, when none may.
local turn = 0
function M.choose()
  local count = #M.servers
  for i = 1, count do
    local server = M.servers[(turn + i - 1) % count + 1]
    if not ngx.shared.sluice:get(server.target) then
      turn = turn + i
      return server
    end
  end
  turn = turn + 1
  return M.servers[turn % count + 1]
end

return M
