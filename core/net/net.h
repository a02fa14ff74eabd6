#pragma once
// What a prober needs of the outside world, in one bundle.

namespace sluice::net {

class Clock;
class Resolver;
class TlsContexts;

struct Net {
  Clock& clock;
  Resolver& resolver;
  TlsContexts& tls;
};

}  // namespace sluice::net
