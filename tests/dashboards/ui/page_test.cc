#include "dashboards/ui/page.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ui {
namespace {

TEST(PageTest, the_page_and_everything_it_refers_to_is_embedded) {
  for (const char* start : {"/", "/graph"}) {
    const auto page = asset(start);
    ASSERT_TRUE(page.has_value()) << start;
    EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
    const std::string html(page->text);
    for (size_t at = html.find("=\"/"); at != std::string::npos; at = html.find("=\"/", at + 1)) {
      const std::string path = html.substr(at + 2, html.find('"', at + 2) - at - 2);
      if (path.starts_with("/api/") || path == "/metrics") continue;
      EXPECT_TRUE(asset(path).has_value()) << path;
    }
  }
}

TEST(PageTest, runbooks_are_served_as_text) {
  ASSERT_FALSE(runbooks().empty());
  const auto book = asset("/runbooks/" + std::string(runbooks().front().name));
  ASSERT_TRUE(book.has_value());
  EXPECT_EQ(book->content_type, "text/plain; charset=utf-8");
}

TEST(PageTest, other_paths_are_nothing) {
  EXPECT_FALSE(asset("/nothing").has_value());
  EXPECT_FALSE(asset("").has_value());
  EXPECT_FALSE(asset("/runbooks/../page.cc").has_value());
}

}  // namespace
}  // namespace sluice::ui
