#include "core/file/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace sluice::file {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = std::filesystem::temp_directory_path().string() + "/sluice-file-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
};

TEST_F(FileTest, what_was_written_is_read_back_and_no_temporary_file_stays) {
  const std::string content("a\0b\n", 4);
  ASSERT_TRUE(write_durably(path("state"), content).has_value());
  EXPECT_EQ(read(path("state")).value(), content);
  EXPECT_FALSE(exists(path("state.tmp")));
}

TEST_F(FileTest, state_is_readable_by_its_owner_only) {
  ASSERT_TRUE(write_durably(path("state"), "x").has_value());
  struct stat info{};
  ASSERT_EQ(::stat(path("state").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST_F(FileTest, a_full_disk_leaves_the_old_file_as_it_was) {
  // /dev/full takes the place of the temporary file: every write to it says the disk is full.
  ASSERT_TRUE(write_durably(path("state"), "old").has_value());
  std::filesystem::create_symlink("/dev/full", path("state.tmp"));
  const Result<void> written = write_durably(path("state"), "new");
  ASSERT_TRUE(written.has_error());
  EXPECT_NE(written.error().message.find("No space left"), std::string::npos) << written.error().message;
  EXPECT_EQ(read(path("state")).value(), "old");
  EXPECT_FALSE(exists(path("state.tmp")));
}

TEST_F(FileTest, what_is_appended_comes_after_what_was_there) {
  ASSERT_TRUE(append_durably(path("journal"), "a\n").has_value());
  ASSERT_TRUE(append_durably(path("journal"), "b\n").has_value());
  EXPECT_EQ(read(path("journal")).value(), "a\nb\n");
}

TEST_F(FileTest, a_failed_append_is_an_error) {
  std::filesystem::create_symlink("/dev/full", path("journal"));
  EXPECT_TRUE(append_durably(path("journal"), "a\n").has_error());
}

TEST_F(FileTest, a_missing_file_is_an_error_that_names_it) {
  const auto content = read(path("nothing"));
  ASSERT_TRUE(content.has_error());
  EXPECT_NE(content.error().message.find(path("nothing")), std::string::npos);
}

TEST_F(FileTest, a_file_above_the_bound_is_refused) {
  ASSERT_TRUE(write_durably(path("big"), std::string(100, 'x')).has_value());
  EXPECT_EQ(read(path("big"), 99).error().kind, ErrorKind::kLimit);
  EXPECT_TRUE(read(path("big"), 100).has_value());
}

TEST_F(FileTest, a_secret_loses_its_line_end_only) {
  ASSERT_TRUE(write_durably(path("secret"), " pass word \r\n\n").has_value());
  EXPECT_EQ(read_secret(path("secret")).value(), " pass word ");
}

TEST_F(FileTest, a_damaged_file_is_set_aside_under_a_new_name) {
  ASSERT_TRUE(write_durably(path("state"), "broken").has_value());
  EXPECT_EQ(set_aside(path("state")).value(), path("state.damaged"));
  EXPECT_FALSE(exists(path("state")));
  EXPECT_EQ(read(path("state.damaged")).value(), "broken");
}

}  // namespace
}  // namespace sluice::file
