-- serve.lua: what wrk sends for bench/serve, and what it says at the end.
--
--   wrk ... -s serve.lua URL -- FILE PATH [close]
--
-- Each line of FILE is the body of one request, all of them in turn; with "whole", FILE is the one
-- body. With "close", each request has a connection of its own. The last line on standard output:
-- requests, microseconds, latencies (median, 99th percentile, longest, microseconds), failures of
-- connections, statuses that are not 2xx or 3xx.
local requests, n, at = {}, 0, 0

function init(args)
    local headers = {["Content-Type"] = "application/json"}
    if args[3] == "close" then headers["Connection"] = "close" end
    local bodies
    if args[3] == "whole" then
        local file = assert(io.open(args[1]))
        local all = file:read("*a")
        file:close()
        bodies = function() local body = all; all = nil; return body end
    else
        bodies = assert(io.lines(args[1]))
    end
    for body in bodies do
        requests[n] = wrk.format("POST", args[2], headers, body)
        n = n + 1
    end
end

function request()
    at = (at + 1) % n
    return requests[at]
end

function done(all, latency)
    local e = all.errors
    io.write(string.format("result %d %d %d %d %d %d %d\n", all.requests, all.duration,
        latency:percentile(50), latency:percentile(99), latency.max,
        e.connect + e.read + e.write + e.timeout, e.status))
end
