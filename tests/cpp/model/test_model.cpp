// Files of models: what they describe is what is built, and broken ones are refused by name. (That all that Python
// writes has the bits of Python: tests/install/model_files.py.)
#include "eigenlstm/model.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

using eigenlstm::FileError;
using eigenlstm::Index;
using eigenlstm::Model;

namespace {

const std::string path = "test_model_" + std::to_string(getpid()) + ".safetensors";

/// {"name": (dtype, shape text, bytes)} and a description, as a file.
void write(const std::string& header, const std::vector<float>& data) {
  std::ofstream file(path, std::ios::binary);
  const std::uint64_t length = header.size();
  file.write(reinterpret_cast<const char*>(&length), 8);
  file << header;
  file.write(reinterpret_cast<const char*>(data.data()), std::streamsize(data.size() * sizeof(float)));
}

std::string quoted(const std::string& json) {
  std::string text = "\"";
  for (const char c : json) text += c == '"' ? "\\\"" : std::string(1, c);
  return text + "\"";
}

std::string described(const std::string& architecture, const std::string& format = "1") {
  return "\"__metadata__\":{\"note\":\"hello\",\"eigenlstm\":" +
         quoted("{\"format\":" + format + ",\"architecture\":" + architecture + "}") + "}";
}

const std::string linear =
    R"({"class":"Linear","config":{"in_features":2,"out_features":1,"bias":true,"dtype":"float32","seed":null}})";
const std::string weight = R"("0.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]})";
const std::string bias = R"("0.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]})";

std::string chain(const std::string& layers) {
  return R"({"class":"Sequential","config":{"layers":[)" + layers + "]}}";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// What is wrong with a file of `header`.
std::string wrong(const std::string& header, const std::vector<float>& data = {1, 2, 3}) {
  write(header, data);
  try {
    Model::load(path);
  } catch (const FileError& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("a file becomes a model") {
  write("{" + described(chain(linear)) + "," + weight + "," + bias + "}", {2, 3, 0.5f});
  const Model model = Model::load(path);
  CHECK(std::string(model.dtype()) == "float32");
  CHECK(model.input_size() == 2);
  CHECK(model.output_size() == 1);
  CHECK(!model.takes_integers());
  CHECK(model.metadata().at("note") == "hello");
  CHECK(model.metadata().size() == 1);
  const float x[] = {1, 10, 2, 20};
  float y[2];
  model.predict(1, 2, x, y);
  CHECK(y[0] == 32.5f);
  CHECK(y[1] == 64.5f);
  CHECK_THROWS_WITH_AS(model.stream<double>(), "Model: the model has dtype float32, not float64",
                       std::invalid_argument);
  std::remove(path.c_str());
}

TEST_CASE("broken files are refused, with file and entry") {
  const std::string whole = "{" + described(chain(linear)) + "," + weight + "," + bias + "}";
  REQUIRE(wrong(whole) == "nothing");
  const auto with = [&](const std::string& from, const std::string& to) { return wrong(replaced(whole, from, to)); };
  const std::string at = path + ": ", first = at + "eigenlstm.architecture.config.layers[0]";
  CHECK(wrong("{") ==
        at + "its header is not valid JSON: " + wrong("{").substr((at + "its header is not valid JSON: ").size()));
  CHECK(with("[1,2]", "[2,1]") == at + "0.weight: must have shape (1, 2), got (2, 1)");
  CHECK(with("[0,8]", "[0,4]") == at + "0.weight.data_offsets: must span 8 bytes for (1, 2) of F32, got 4");
  CHECK(with("[0,8]", "[4,12]") == at + "0.weight: starts at byte 4, expected 0: the tensors overlap or leave a hole");
  CHECK(with("[1,2]", "[1,-2]") == at + "0.weight.shape[1]: must be from 0 to 9223372036854775807, got -2");
  CHECK(with("[1,2]", "[4294967296,4294967296]") == at + "0.weight.shape: needs more bytes than the file has");
  CHECK(with("\"F32\"", "\"F33\"") == at + "0.weight: has the unknown dtype F33");
  CHECK(with("0.weight", "0.weights") == at + "0.weight: is missing");
  CHECK(with("\\\"bias\\\":true", "\\\"bias\\\":1") == first + ".config.bias: must be true or false, got 1");
  CHECK(with("\\\"bias\\\":true", "\\\"bias\\\":false") == at + "0.bias: belongs to no layer of the model");
  CHECK(with("\\\"in_features\\\":2", "\\\"in_features\\\":1e3") ==
        first + ".config.in_features: must be an integer, got 1000.0");
  CHECK(with("\\\"in_features\\\":2", "\\\"in_features\\\":99999999999999999999") ==
        first + ".config.in_features: must be an integer, got 1e+20");
  CHECK(with("\\\"in_features\\\":2,", "") == first + ".config: \"in_features\" is missing");
  CHECK(with("\\\"seed\\\"", "\\\"sead\\\"") == first + ".config: \"sead\" is no entry that belongs here");
  CHECK(with("\\\"seed\\\"", "\\\"bias\\\"") ==
        at + "its description of the model is not valid JSON: the key \"bias\" occurs twice");
  CHECK(with("Linear", "Lineal") == first + ": there is no layer \"Lineal\" that can stream");
  CHECK(with("Linear", "Last") == first + ": Last can't stream: it gives one vector for a whole sequence");
  CHECK(with("\\\"float32\\\"", "\\\"float64\\\"") == at + "0.weight: must have dtype F64, got F32");
  CHECK(with("\\\"format\\\":1", "\\\"format\\\":2") == at + "eigenlstm.format: this version reads 1");
  CHECK(with("\"eigenlstm\"", "\"other\"") == at + "is a safetensors file without an eigenlstm model");
  CHECK(wrong(whole, {1, 2, 3, 4}) == at + "4 bytes belong to no tensor");
  std::string deep = "1";
  for (int i = 0; i < 1000; ++i) deep = "[" + deep + "]";
  CHECK(wrong("{\"x\":" + deep + "}") == at + "its header is not valid JSON: nested deeper than 64");
  std::remove(path.c_str());
  CHECK_THROWS_WITH_AS(Model::load(path), (at + "there is no such file").c_str(), FileError);
  CHECK_THROWS_WITH_AS(Model::load("."), ".: is not a regular file", FileError);
}

TEST_CASE("a layer that is called without end is refused before its weights fill the memory") {
  std::string nodes;
  for (int i = 0; i < 100; ++i)
    nodes += (i ? "," : "") + std::string(R"({"layer":0,"inputs":[)") + std::to_string(i) + "]}";
  const std::string square = R"({"name":"a","class":"Linear","config":{"in_features":1,"out_features":1}})";
  const std::string graph =
      R"({"class":"eigenlstm.Model","config":{"inputs":[{"name":"x","shape":[null,1],"dtype":"float"}],)"
      R"("layers":[)" +
      square + R"(],"nodes":[)" + nodes + R"(],"outputs":[100]}})";
  const std::string tensors = R"("a.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},)"
                              R"("a.bias":{"dtype":"F32","shape":[1],"data_offsets":[4,8]})";
  CHECK(wrong("{" + described(graph) + "," + tensors + "}", {1, 2}) == path + ": a.weight: is used more than 64 times");

  std::string tied_nodes = R"({"layer":0,"inputs":[0]})";
  for (int i = 0; i < 100; ++i) tied_nodes += R"(,{"layer":1,"inputs":[1]})";
  const std::string tied =
      R"({"class":"eigenlstm.Model","config":{"inputs":[{"name":"x","shape":[null],"dtype":"int64"}],"layers":[)"
      R"({"name":"a","class":"Embedding","config":{"num_embeddings":2,"embedding_dim":1}},)"
      R"({"name":"b","class":"eigenlstm.TiedLinear","tied":"a","config":{"bias":false}}],)"
      R"("nodes":[)" +
      tied_nodes + R"(],"outputs":[2]}})";
  const std::string matrix = R"("a.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]})";
  CHECK(wrong("{" + described(tied) + "," + matrix + "}", {1, 2}) == path + ": a.weight: is used more than 64 times");
  std::remove(path.c_str());
}
