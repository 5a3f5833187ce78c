@pytest.mark.parametrize("name", ["linear", "cosine", "polynomial"])
def test_a_live_scheduler_of_transformers_tells_its_own_length(name):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=PEAK)
    found = from_torch(get_scheduler(name, optimizer, 13, 70))
    assert found.total == 70
    np.testing.assert_allclose(found.array(), theirs(name, 70, 13, {}), rtol=1e-12, atol=1e-18)
